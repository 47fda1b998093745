"""TFX's entry point for training: reads transformed examples, trains, exports."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from absl import logging
from tfx.components.trainer.fn_args_utils import FnArgs

from models import dataset, warm_start, warmup
from models.dataset import Catalogue
from models.export import export, serve_items
from models.item_tower import ItemText, ItemTower
from models.joint_model import JointModel
from models.query_tower import HISTORY
from models.request_model import RequestModel
from models.settings import TrainerSettings
from models.text.encoder import TextEncoder
from pipeline.config import ConfigError
from schemas.request_example import CATALOG_SPLIT, USERS_SPLIT
from schemas.statistics import STATISTICS

_ADAPT_BATCHES = 50
_CLOCK = {"hour": 24, "weekday": 7}
_ANSWER = ("label_items", "candidate_items", "candidate_sampling_log_odds")


def run_fn(fn_args: FnArgs) -> None:
    """Trains on the split `train`, stops early on `validation`, and writes the SavedModel that will be served."""
    settings = TrainerSettings.model_validate_json(fn_args.custom_config["settings"])
    tf.keras.utils.set_random_seed(settings.training.seed)
    graph = tft.TFTransformOutput(fn_args.transform_graph_path)
    catalogue = dataset.catalogue(_split(fn_args.eval_files, CATALOG_SPLIT), graph, settings)
    profiles = dataset.profiles(_split(fn_args.eval_files, USERS_SPLIT), graph, settings)

    text_encoder = TextEncoder(**settings.model.text.model_dump())
    known_texts = warm_start.known_texts(fn_args.base_model, text_encoder, settings)
    model = build(settings, graph, catalogue, text_encoder, known_texts)
    names, size = feature_names(settings), settings.training.batch_size
    first = next(iter(dataset.requests(fn_args.train_files, graph, names, size, shuffle_seed=None)))
    begun = warm_start.start(model, fn_args.base_model, first, catalogue, graph, settings)
    fit(model, fn_args, graph, begun.settings(settings), adapt=not begun.is_warm)

    items = serve_items(catalogue, model.item_tower, settings)
    export(fn_args.serving_model_dir, model.request_model, items, profiles, text_encoder, graph, settings)
    warm_start.save(fn_args.serving_model_dir, model, begun, catalogue, graph, settings)
    warmup.write(fn_args.serving_model_dir, warmup.sample(fn_args.train_files, graph, catalogue, settings), settings)


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
    mirrored = settings.training.strategy == "mirrored"
    if mirrored and settings.model.text.training != "frozen":
        # A TF Hub module loaded under a strategy cannot run outside of training steps; loaded without, not train.
        raise ConfigError("model.text.training: full works on one device; set training.strategy to default")
    text = ItemText(catalogue.texts, text_encoder, progress=_log_encoding, known=known_texts)
    with (tf.distribute.MirroredStrategy() if mirrored else tf.distribute.get_strategy()).scope():
        item_tower = ItemTower(
            catalogue, text, settings.model.embedding_dim, settings.model.id_dropout, settings.trains_on_text
        )
        request_model = RequestModel(settings, _vocabulary_sizes(settings, graph), catalogue.categories)
        model = JointModel(settings, catalogue, item_tower, request_model)
        model.compile(optimizer=tf.keras.optimizers.Adam(settings.training.learning_rate))
    return model


def fit(
    model: JointModel, fn_args: FnArgs, graph: tft.TFTransformOutput, settings: TrainerSettings, adapt: bool = True
) -> None:
    """Trains the model; in the end it has the weights of the epoch with the least ranking loss in validation.

    Retrieval, which overfits sooner, only finds what is ranked. A model that starts warm has the scales of its inputs
    already, which `adapt` would learn.
    """
    names = feature_names(settings)

    def batches(files: Sequence[str], shuffle_seed: int | None) -> tf.data.Dataset:
        return dataset.requests(files, graph, names, settings.training.batch_size, shuffle_seed)

    train = batches(fn_args.train_files, settings.training.seed)
    if adapt:
        model.request_model.adapt(train.take(_ADAPT_BATCHES))
    steps = dataset.count_batches(fn_args.train_files, settings.training.batch_size)
    decay = tf.keras.optimizers.schedules.CosineDecay(settings.training.learning_rate, settings.training.epochs * steps)
    callbacks = [_LogEpochs(), _Schedule(decay), tf.keras.callbacks.TensorBoard(fn_args.model_run_dir, update_freq=50)]
    validation = batches(_split(fn_args.eval_files, "validation"), shuffle_seed=None)
    if has_validation := any(True for _ in validation.take(1)):  # a small shop may hold nobody out
        patience = settings.training.early_stopping_patience
        callbacks.append(
            tf.keras.callbacks.EarlyStopping("val_ranking_loss", patience=patience, restore_best_weights=True)
        )
    model.fit(
        train,
        validation_data=validation if has_validation else None,
        epochs=settings.training.epochs,
        callbacks=callbacks,
        verbose=0,
    )


def feature_names(settings: TrainerSettings) -> list[str]:
    """The transformed features of a request that training reads."""
    names = [*HISTORY, *_CLOCK, "scene", *_ANSWER]
    names += [f"candidate_{name}" for name in (*STATISTICS, *(head.name for head in settings.heads))]
    for role in ("user", "context"):
        names += settings.names(role, "categorical") + settings.names(role, "numeric")
    return names


def _split(patterns: Sequence[str], name: str) -> list[str]:
    return [pattern for pattern in patterns if f"Split-{name}" in pathlib.PurePath(pattern).parts]


def _vocabulary_sizes(settings: TrainerSettings, graph: tft.TFTransformOutput) -> dict[str, int]:
    names = ["scene", *settings.names("user", "categorical"), *settings.names("context", "categorical")]
    return _CLOCK | {name: graph.vocabulary_size_by_name(name) + 1 for name in names}


def _log_encoding(done: int, total: int) -> None:
    logging.log_every_n_seconds(logging.INFO, "encoding item texts: %d of %d", 5, done, total)


class _LogEpochs(tf.keras.callbacks.Callback):
    """Logs the mean losses of each epoch in one line."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        losses = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in logs.items())
        logging.info("epoch %d of %d: %s", epoch + 1, self.params["epochs"], losses)


class _Schedule(tf.keras.callbacks.Callback):
    """Sets the learning rate of each step.

    An optimizer could do so itself, but the model is built before the data that tells how many steps there will be.
    """

    def __init__(self, learning_rate: tf.keras.optimizers.schedules.LearningRateSchedule):
        super().__init__()
        self._learning_rate = learning_rate

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        optimizer = self.model.optimizer
        optimizer.learning_rate.assign(self._learning_rate(optimizer.iterations))
