"""TFX's entry point for training: reads transformed examples, trains, exports."""

import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from absl import logging
from tfx.components.trainer.fn_args_utils import FnArgs

from models import checkpoint, dataset, item_to_item, projector, warm_start, warmup
from models.adam import Adam
from models.checkpoint import Checkpoint
from models.dataset import Catalogue
from models.export import export, serve_items
from models.item_to_item import Learnt
from models.item_tower import ItemText, ItemTower
from models.joint_model import JointModel
from models.learning_rate import SetLearningRate, schedule
from models.query_tower import HISTORY
from models.request_model import RequestModel
from models.settings import TrainerSettings
from models.strategy import strategy
from models.text.encoder import TextEncoder
from models.training_loop import TrainingLoop
from pipeline.config import ConfigError
from schemas.request_example import CATALOG_SPLIT, USERS_SPLIT
from schemas.statistics import STATISTICS

_ADAPT_BATCHES = 50
_LEARNING_RATE = "learning_rate"
_CLOCK = {"hour": 24, "weekday": 7}
_ANSWER = ("label_items", "candidate_items", "candidate_sampling_log_odds")


def run_fn(fn_args: FnArgs) -> None:
    """Trains on the split `train`, stops early on `validation`, and writes the SavedModel that will be served."""
    settings = TrainerSettings.model_validate_json(fn_args.custom_config["settings"])
    if fn_args.hyperparameters:
        settings = settings.with_values(fn_args.hyperparameters["values"])
    tf.keras.utils.set_random_seed(settings.training.seed)
    graph = tft.TFTransformOutput(fn_args.transform_graph_path)
    catalogue = dataset.catalogue(split_files(fn_args.eval_files, CATALOG_SPLIT), graph, settings)
    profiles = dataset.profiles(split_files(fn_args.eval_files, USERS_SPLIT), graph, settings)

    text_encoder = TextEncoder(**settings.model.text.model_dump())
    known_texts = warm_start.known_texts(fn_args.base_model, text_encoder, settings)
    model = build(settings, graph, catalogue, text_encoder, known_texts)
    learnt = item_to_item.learn(fn_args.train_files, graph, len(catalogue.item_ids) - 1, settings)
    first = next(iter(request_batches(fn_args.train_files, graph, settings, learnt)))
    begun = warm_start.start(model, fn_args.base_model, first, catalogue, graph, settings)
    fit(model, fn_args, graph, begun.settings(settings), learnt, adapt=not begun.is_warm)

    items = serve_items(catalogue, model.item_tower, settings, learnt.model if learnt else None)
    projector.write(os.path.join(fn_args.model_run_dir, "train"), catalogue, model.item_tower, graph, settings)
    export(fn_args.serving_model_dir, model.request_model, items, profiles, text_encoder, graph, settings)
    warm_start.save(fn_args.serving_model_dir, model, begun, catalogue, graph, settings)
    warmup.write(fn_args.serving_model_dir, warmup.sample(fn_args.train_files, graph, catalogue, settings), settings)
    if checkpoints := fn_args.custom_config.get("checkpoints"):
        checkpoint.discard(checkpoints)


def build(
    settings: TrainerSettings,
    graph: tft.TFTransformOutput,
    catalogue: Catalogue,
    text_encoder: TextEncoder,
    known_texts: Mapping[bytes, np.ndarray] | None = None,
) -> JointModel:
    """Builds and compiles the model under the configured strategy; what the texts that are known give is not computed.

    Raises:
        ConfigError: the text encoder is to be trained on several replicas.
    """
    if settings.training.strategy == "mirrored" and settings.model.text.training != "frozen":
        # A TF Hub module loaded under a strategy cannot run outside of training steps; loaded without, not train.
        raise ConfigError("model.text.training: full works on one device; set training.strategy to default")
    text = ItemText(catalogue.texts, text_encoder, progress=_log_encoding, known=known_texts)
    with strategy(settings.training.strategy).scope():
        random = tf.random.Generator.from_seed(settings.training.seed)
        item_tower = ItemTower(catalogue, text, settings, random)
        request_model = RequestModel(settings, _vocabulary_sizes(settings, graph), catalogue.categories)
        model = JointModel(settings, catalogue, item_tower, request_model, random)
        training = settings.training
        model.compile(optimizer=Adam(training.learning_rate, global_clipnorm=training.max_gradient_norm))
    return model


def fit(
    model: JointModel,
    fn_args: FnArgs,
    graph: tft.TFTransformOutput,
    settings: TrainerSettings,
    learnt: Learnt | None = None,
    adapt: bool = True,
) -> list[dict[str, float]]:
    """Trains the model; in the end it has the weights of the epoch with the least ranking loss in validation.

    Retrieval, which overfits sooner, only finds what is ranked. A model that starts warm has the scales of its inputs
    already, which `adapt` would learn.

    Returns:
        The losses of each epoch; those in validation begin with `val_`.
    """
    training = settings.training

    def batches_of(epoch: int, skip: int) -> tf.data.Dataset:
        return request_batches(fn_args.train_files, graph, settings, learnt, training.seed + epoch, skip)

    first = batches_of(0, skip=0)
    if adapt:
        model.request_model.adapt(first.take(_ADAPT_BATCHES))
    model.create_variables(first)
    steps = dataset.count_batches(fn_args.train_files, training.batch_size)
    callbacks = [
        _LogEpochs(),
        SetLearningRate(schedule(training, steps)),
        tf.keras.callbacks.TensorBoard(fn_args.model_run_dir, update_freq=50),
    ]
    held_out, stopping = split_files(fn_args.eval_files, "validation"), None
    validation = request_batches(held_out, graph, settings, learnt)
    if has_validation := any(True for _ in validation.take(1)):  # a small shop may hold nobody out
        stopping = tf.keras.callbacks.EarlyStopping(
            "val_ranking_loss", patience=training.early_stopping_patience, restore_best_weights=True
        )
        callbacks.append(stopping)
    loop = TrainingLoop(model, training.epochs, steps, batches_of, validation if has_validation else None)
    return loop.run(callbacks, _checkpoint(model, fn_args, settings, stopping))


def _checkpoint(
    model: JointModel,
    fn_args: FnArgs,
    settings: TrainerSettings,
    stopping: tf.keras.callbacks.EarlyStopping | None,
) -> Checkpoint | None:
    root, seconds = fn_args.custom_config.get("checkpoints"), settings.training.checkpoint_seconds
    if not root or seconds is None:
        return None
    decides = {
        "settings": settings.model_dump(mode="json"),
        "graph": fn_args.transform_graph_path,
        "base_model": fn_args.base_model,
    }
    files = [*fn_args.train_files, *fn_args.eval_files]
    return Checkpoint(checkpoint.folder_of(root, files, decides), seconds, model, stopping)


def request_batches(
    files: Sequence[str],
    graph: tft.TFTransformOutput,
    settings: TrainerSettings,
    learnt: Learnt | None,
    shuffle_seed: int | None = None,
    skip: int = 0,
) -> tf.data.Dataset:
    """Batches of requests as training reads them; see `dataset.requests`, and `item_to_item.learn` for `learnt`."""
    names, size = feature_names(settings), settings.training.batch_size
    if learnt is None:
        return dataset.requests(files, graph, names, size, shuffle_seed, skip)
    found = dataset.requests(files, graph, [*names, "user_id"], size, shuffle_seed, skip)
    return found.map(learnt.score, num_parallel_calls=2, deterministic=True).prefetch(2)


def feature_names(settings: TrainerSettings) -> list[str]:
    """The transformed features of a request that training reads."""
    names = [*HISTORY, *_CLOCK, "scene", *_ANSWER]
    names += [f"candidate_{name}" for name in (*STATISTICS, *(head.name for head in settings.heads))]
    for role in ("user", "context"):
        names += settings.names(role, "categorical") + settings.names(role, "numeric")
    return names


def split_files(patterns: Sequence[str], name: str) -> list[str]:
    """Those of the file patterns that belong to a split."""
    return [pattern for pattern in patterns if f"Split-{name}" in pathlib.PurePath(pattern).parts]


def _vocabulary_sizes(settings: TrainerSettings, graph: tft.TFTransformOutput) -> dict[str, int]:
    names = ["scene", *settings.names("user", "categorical"), *settings.names("context", "categorical")]
    return _CLOCK | {name: graph.vocabulary_size_by_name(name) + 1 for name in names}


def _log_encoding(done: int, total: int) -> None:
    logging.log_every_n_seconds(logging.INFO, "encoding item texts: %d of %d", 5, done, total)


class _LogEpochs(tf.keras.callbacks.Callback):
    """Logs the mean losses of each epoch in one line."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        found = (f"{name.replace('_', ' ')} {value:.4f}" for name, value in logs.items() if name != _LEARNING_RATE)
        losses = ", ".join([*found, f"learning rate {logs[_LEARNING_RATE]:.3g}"])
        logging.info("epoch %d of %d: %s", epoch + 1, self.params["epochs"], losses)
