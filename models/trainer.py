"""TFX's entry point for training: reads transformed examples, trains, exports."""

import pathlib
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_transform as tft
from absl import logging
from tfx.components.trainer.fn_args_utils import FnArgs

from models import dataset
from models.export import export, serve_items
from models.item_tower import ItemText, ItemTower
from models.joint_model import JointModel
from models.request_model import RequestModel
from models.settings import TrainerSettings
from models.text.encoder import TextEncoder
from schemas.request_example import CATALOG_SPLIT, USERS_SPLIT

_CLOCK = {"hour": 24, "weekday": 7}


def run_fn(fn_args: FnArgs) -> None:
    """Trains on the split `train`, stops early on `validation`, and writes the SavedModel that will be served."""
    settings = TrainerSettings.model_validate_json(fn_args.custom_config["settings"])
    tf.keras.utils.set_random_seed(settings.training.seed)
    graph = tft.TFTransformOutput(fn_args.transform_graph_path)
    catalogue = dataset.catalogue(_split(fn_args.eval_files, CATALOG_SPLIT), graph, settings)
    profiles = dataset.profiles(_split(fn_args.eval_files, USERS_SPLIT), graph, settings)
    text_encoder = TextEncoder(**settings.model.text.model_dump())

    strategy = _strategy(settings.training.strategy)
    with strategy.scope():
        text = ItemText(catalogue.texts, text_encoder, progress=_log_encoding)
        item_tower = ItemTower(catalogue, text, settings.model.embedding_dim, settings.model.id_dropout)
        request_model = RequestModel(settings, _vocabulary_sizes(settings, graph), catalogue.categories)
        model = JointModel(settings, catalogue, item_tower, request_model)
        model.compile(optimizer=tf.keras.optimizers.Adam(settings.training.learning_rate))
    _fit(model, fn_args, graph, settings)

    items = serve_items(catalogue, item_tower)
    export(fn_args.serving_model_dir, request_model, items, profiles, text_encoder, graph, settings)


def _split(patterns: Sequence[str], name: str) -> list[str]:
    return [pattern for pattern in patterns if f"Split-{name}" in pathlib.PurePath(pattern).parts]


def _strategy(name: str) -> tf.distribute.Strategy:
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def _vocabulary_sizes(settings: TrainerSettings, graph: tft.TFTransformOutput) -> dict[str, int]:
    names = ["scene", *settings.names("user", "categorical"), *settings.names("context", "categorical")]
    return _CLOCK | {name: graph.vocabulary_size_by_name(name) + 1 for name in names}


def _log_encoding(done: int, total: int) -> None:
    logging.log_every_n_seconds(logging.INFO, "encoding item texts: %d of %d", 5, done, total)


def _fit(model: JointModel, fn_args: FnArgs, graph: tft.TFTransformOutput, settings: TrainerSettings) -> None:
    names = ["history_items", "history_kinds", "history_age_days", "label_items", "candidate_items"]
    names += [
        "candidate_popularity",
        "hour",
        "weekday",
        "scene",
        *(f"candidate_{head.name}" for head in settings.heads),
    ]
    names += [
        n for role in ("user", "context") for kind in ("categorical", "numeric") for n in settings.names(role, kind)
    ]
    batch_size = settings.training.batch_size
    train = dataset.requests(fn_args.train_files, graph, names, batch_size, settings.training.seed)
    validation_files = _split(fn_args.eval_files, "validation")
    validation = (
        dataset.requests(validation_files, graph, names, batch_size, None)
        if tf.io.gfile.glob(validation_files)
        else None
    )
    model.fit(
        train,
        validation_data=validation,
        epochs=settings.training.epochs,
        callbacks=[
            tf.keras.callbacks.EarlyStopping(
                monitor="val_total_loss", patience=settings.training.early_stopping_patience, restore_best_weights=True
            ),
            tf.keras.callbacks.TensorBoard(fn_args.model_run_dir, update_freq=50),
        ],
        verbose=2,
    )
