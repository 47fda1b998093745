"""Training: reproducible, stopped early, in lower precision, of the text encoder too, and on several devices."""

import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf
import tiny_pipeline
import tiny_shop

from models import trainer
from models.adam import Adam
from models.request_model import candidate_statistics
from pipeline.config import ConfigError

REQUEST = tiny_shop.request(3, 4)


def batches(shop, files: list[str]) -> Iterator[dict[str, tf.Tensor]]:
    """Transformed requests, dense, in batches as in training."""
    for serialized in tf.data.TFRecordDataset(tf.io.gfile.glob(files), "GZIP").batch(shop.settings.training.batch_size):
        parsed = tf.io.parse_example(serialized, shop.graph.transformed_feature_spec())
        yield {
            name: tf.sparse.to_dense(values) if isinstance(values, tf.SparseTensor) else values
            for name, values in parsed.items()
        }


@pytest.fixture
def batch(shop) -> dict[str, tf.Tensor]:
    return next(batches(shop, shop.files("train")))


def step(model, batch) -> tuple[float, list]:
    """The loss of one batch, and the gradients that it gives."""
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, training=True)
    return float(loss), tape.gradient(loss, model.trainable_variables)


def test_the_same_seed_gives_the_same_model(shop, saved_model, served, tmp_path):
    again = tiny_pipeline.train(shop, tmp_path)
    first, second = (tf.train.load_checkpoint(f"{folder}/variables/variables") for folder in (saved_model, again))
    names = [name for name in first.get_variable_to_shape_map() if "VARIABLE_VALUE" in name]
    assert len(names) > 40
    for name in names:
        np.testing.assert_array_equal(first.get_tensor(name), second.get_tensor(name), err_msg=name)
    example = tf.constant([tiny_shop.encode(REQUEST)])
    lists = [model["serving_default"](examples=example) for model in (served, tf.saved_model.load(again).signatures)]
    np.testing.assert_array_equal(lists[0]["item_ids"], lists[1]["item_ids"])
    np.testing.assert_array_equal(lists[0]["scores"], lists[1]["scores"])


def opposite_of_training(shop, folder: pathlib.Path) -> list[str]:
    """A validation split in which whoever trained best fares worst: the training requests with labels swapped."""
    path = folder / "Split-validation" / "examples.gz"
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for record in tf.data.TFRecordDataset(tf.io.gfile.glob(shop.files("train")), "GZIP").as_numpy_iterator():
            example = tf.train.Example.FromString(record)
            labels = example.features.feature["candidate_purchase"].float_list.value
            labels[:] = [1.0 - label for label in labels]
            writer.write(example.SerializeToString())
    return [str(path)]


def test_the_weights_of_the_epoch_that_ranks_best_are_kept(shop, tmp_path, caplog):
    heads = [head.model_copy(update={"loss_weight": float(head.name == "purchase")}) for head in shop.settings.heads]
    training = {"epochs": 3, "learning_rate": 0.02, "retrieval_weight": 10.0, "early_stopping_patience": 3}
    settings = tiny_pipeline.change(shop.settings, training=training).model_copy(update={"heads": heads})
    model, _ = tiny_pipeline.untrained(shop, settings)
    args = tiny_pipeline.trainer_args(shop, settings, tmp_path)
    args.eval_files = opposite_of_training(shop, tmp_path)
    with caplog.at_level("INFO", logger="absl"):
        trainer.fit(model, args, shop.graph, settings)
    lines = [line for line in caplog.messages if line.startswith("epoch ")]
    assert [line.split(":")[0] for line in lines] == [f"epoch {epoch} of 3" for epoch in (1, 2, 3)]
    losses, joint = (
        [float(re.search(rf"val {name} loss ([\d.]+)", line)[1]) for line in lines] for name in ("ranking", "joint")
    )
    assert min(losses) < losses[-1] - 0.02
    assert joint[-1] == min(joint)  # retrieval learns on, and would outvote the ranking
    model.reset_metrics()
    for batch in batches(shop, args.eval_files):
        model.compute_loss(batch)
    assert float(model.get_metrics_result()["ranking_loss"]) == pytest.approx(min(losses), abs=1e-3)


def test_gradients_are_scaled_to_the_longest_that_they_may_be(shop, batch):
    settings = tiny_pipeline.change(shop.settings, model={"id_dropout": 0.0})
    norms = {}
    for longest in (None, 0.5, 1e6):
        model, _ = tiny_pipeline.untrained(
            shop, tiny_pipeline.change(settings, training={"max_gradient_norm": longest, "learning_rate": 1e-9})
        )
        model.train_step(batch)
        # After its first step, Adam's mean of gradients is a tenth of the first.
        momentums = [v for v in model.optimizer.variables if "/m/" in v.name or v.name.startswith("Adam/m")]
        assert len(momentums) == len(model.trainable_variables)
        norms[longest] = 10 * float(tf.linalg.global_norm(momentums))
    assert norms[None] > 1.0
    assert norms[0.5] == pytest.approx(0.5, rel=1e-3)
    assert norms[1e6] == pytest.approx(norms[None], rel=1e-5)


def test_rows_of_an_embedding_count_once_in_the_length_of_a_gradient():
    table = tf.Variable(tf.zeros([3, 1]))
    optimizer = Adam(1.0, global_clipnorm=1.0)
    # Row 2 has 3 + 1 = 4 in all, row 0 has 3: the length is 5. The parts by themselves would have sqrt(9 + 1 + 9).
    optimizer.apply_gradients([(tf.IndexedSlices([[3.0], [1.0], [3.0]], [2, 2, 0], [3, 1]), table)])
    (momentum,) = (v for v in optimizer.variables if v.shape == [3, 1] and np.max(v) > 0.01)
    np.testing.assert_allclose(momentum, np.array([[3.0], [0.0], [4.0]]) / 5 / 10, rtol=1e-6)


def test_bfloat16_trains_to_the_same_quality(shop, tmp_path):
    losses = {}
    for precision in ("float32", "bfloat16"):
        settings = tiny_pipeline.change(shop.settings, training={"precision": precision, "epochs": 4})
        model, _ = tiny_pipeline.untrained(shop, settings)
        args = tiny_pipeline.trainer_args(shop, settings, tmp_path / precision)
        first, *_, last = trainer.fit(model, args, shop.graph, settings)
        assert last["val_ranking_loss"] < first["val_ranking_loss"]
        losses[precision] = last
    for name in ("val_ranking_loss", "val_retrieval_loss"):
        assert losses["bfloat16"][name] <= 1.02 * losses["float32"][name]


def test_bfloat16_computes_the_wide_layers_and_keeps_weights_and_outputs_in_float32(shop, batch):
    settings = tiny_pipeline.change(shop.settings, training={"precision": "bfloat16"})
    model, _ = tiny_pipeline.untrained(shop, settings)
    loss, gradients = step(model, batch)
    assert np.isfinite(loss)
    assert all(np.isfinite(tf.convert_to_tensor(g)).all() for g in gradients if g is not None)
    assert {weight.dtype for weight in model.trainable_weights} == {tf.float32}
    dense = [layer for layer in model.submodules if isinstance(layer, tf.keras.layers.Dense)]
    wide = [layer.units for layer in dense if layer.compute_dtype == "bfloat16"]
    assert sorted(wide) == [8, 16, 16]  # the ranker's, and one of either tower, twice the embedding
    request = model.request_model.embed(batch, model.item_tower)
    candidates = batch["candidate_items"]
    raw = model.request_model.rank(request, candidates, candidate_statistics(batch), model.item_tower(candidates))
    assert request.query.dtype == tf.float32
    assert {values.dtype for values in raw.values()} == {tf.float32}


@pytest.mark.parametrize(("training", "learns"), [("frozen", False), ("full", True)])
def test_the_text_encoder_learns_if_it_is_to(shop, batch, training, learns):
    text = shop.settings.model.text.model_copy(update={"training": training})
    model, _ = tiny_pipeline.untrained(shop, tiny_pipeline.change(shop.settings, model={"text": text}))
    _, gradients = step(model, batch)
    kernels = [
        gradient
        for gradient, weight in zip(gradients, model.trainable_variables, strict=True)
        if weight.shape == [11, 11]  # the words that the encoder knows
    ]
    assert [bool(np.abs(kernel).any()) for kernel in kernels] == [True] * learns


def test_served_texts_are_those_of_the_trained_encoder(shop):
    text = shop.settings.model.text.model_copy(update={"training": "full"})
    model, _ = tiny_pipeline.untrained(shop, tiny_pipeline.change(shop.settings, model={"text": text}))
    model.item_tower(tf.constant([1], tf.int64))
    item_text = model.item_tower.text
    assert item_text.vectors is None
    (kernel,) = item_text.encoder.trainable_weights
    kernel.assign(2.0 * kernel)
    learning = item_text(tf.range(31, dtype=tf.int64))
    item_text.freeze()
    np.testing.assert_allclose(item_text(tf.range(31, dtype=tf.int64)), learning, rtol=1e-6)
    assert np.max(item_text.vectors) == 2.0  # a word counts 2 now


def test_a_text_encoder_is_not_trained_on_several_devices(shop):
    text = shop.settings.model.text.model_copy(update={"training": "full"})
    settings = tiny_pipeline.change(shop.settings, model={"text": text}, training={"strategy": "mirrored"})
    with pytest.raises(ConfigError, match=r"training\.strategy"):
        tiny_pipeline.untrained(shop, settings)


MIRRORED = """
import sys
import models
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import mirrored_training
mirrored_training.main(*sys.argv[1:])
"""


def test_two_devices_train_as_one_does(shop, text_modules, tmp_path):
    here = pathlib.Path(__file__).parent
    command = [sys.executable, "-c", MIRRORED, text_modules, shop.graph_dir, shop.examples_dir, tmp_path]
    done = subprocess.run(
        list(map(str, command)),
        env={"PYTHONPATH": f"{here.parents[1]}:{here}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["replicas"] == {"default": 1, "mirrored": 2}
    # Of two equal halves, each device has one, whose mean is that of the whole. Negatives are those of the own half.
    for name in ("ranking_loss", "purchase_loss", "spend_loss"):
        one, two = (found["one_step"][strategy][name] for strategy in ("default", "mirrored"))
        assert two == pytest.approx(one, rel=1e-5)
    one, two = (found["one_step"][strategy]["gradient_norm"] for strategy in ("default", "mirrored"))
    assert two == pytest.approx(one, rel=1e-4)

    one, two = (found["trained"][strategy] for strategy in ("default", "mirrored"))
    assert one.keys() == two.keys() >= {"ranking_loss", "val_ranking_loss"}
    for name in ("ranking_loss", "val_ranking_loss"):
        assert two[name] == pytest.approx(one[name], rel=0.1), name
