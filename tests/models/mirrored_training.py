"""Trains the tiny shop on one device and on two, in a process that was given two before TensorFlow began."""

import json
import pathlib

import tensorflow as tf
import tiny_pipeline
import tiny_shop

from models import dataset, trainer
from models.joint_model import JointModel


def main(texts: str, graph_dir: str, examples: str, folder: str) -> None:
    """Prints what came out by strategy: `replicas`, the losses of `one_step`, and of the last epoch of `trained`."""
    shop = tiny_pipeline.Transformed(tiny_shop.config(pathlib.Path(texts)), graph_dir, pathlib.Path(examples))
    found = {"replicas": {}, "one_step": {}, "trained": {}}
    for strategy in ("default", "mirrored"):
        settings = tiny_pipeline.change(
            shop.settings,
            model={"id_dropout": 0.0},
            training={"strategy": strategy, "epochs": 3, "batch_size": 13, "retrieval_weight": 0.0},
        )
        model, _ = tiny_pipeline.untrained(shop, settings)
        found["replicas"][strategy] = model.distribute_strategy.num_replicas_in_sync
        found["one_step"][strategy] = _one_step(model, _two_equal_halves(shop, settings))
        settings = tiny_pipeline.change(settings, training={"retrieval_weight": 1.0})
        model, _ = tiny_pipeline.untrained(shop, settings)
        args = tiny_pipeline.trainer_args(shop, settings, pathlib.Path(folder, strategy))
        found["trained"][strategy] = trainer.fit(model, args, shop.graph, settings)[-1]
    print(json.dumps(found))


def _two_equal_halves(shop: tiny_pipeline.Transformed, settings) -> tf.data.Dataset:
    names = trainer.feature_names(settings)
    half = next(iter(dataset.requests(shop.files("train"), shop.graph, names, 6, shuffle_seed=None)))
    return tf.data.Dataset.from_tensors({name: tf.repeat([v], 2, 0) for name, v in half.items()}).map(
        lambda halves: {name: tf.reshape(v, tf.concat([[-1], tf.shape(v)[2:]], 0)) for name, v in halves.items()}
    )


def _one_step(model: JointModel, batches: tf.data.Dataset) -> dict[str, float]:
    """The losses of a step over the only batch, and the length of the gradient, which Adam keeps a tenth of."""
    with model.distribute_strategy.scope():
        model.create_variables(batches)
        model.make_train_function()(iter(model.distribute_strategy.experimental_distribute_dataset(batches)))
        losses = {name: float(value) for name, value in model.get_metrics_result().items()}
        momentums = [tf.convert_to_tensor(v) for v in model.optimizer.variables if v.name.startswith("m/")]
    return losses | {"gradient_norm": 10 * float(tf.linalg.global_norm(momentums))}
