"""Training that goes on from an earlier model, whose vocabularies may have been others.

A SavedModel of Shelfwise carries beside what is served what it has learnt: `assets.extra/warm_start` in its folder
holds every weight by its place in the model, what each row of an embedding stands for, and what the inputs mean. A
later model takes over all of it. Embeddings are carried over by key: a row goes to where its item or category stands
now, what is new keeps the row that it was initialised with, and what is gone leaves. All other weights, the scales of
the ranker's inputs among them, are the earlier model's. What a frozen text encoder made of a text is not computed
twice.

An earlier model whose inputs or sizes were others cannot be gone on from; training then starts cold, and says why.
"""

import io
import json
import os
import zipfile
from typing import Literal

import numpy as np
import pydantic
import tensorflow as tf
import tensorflow_transform as tft
from absl import logging

from models.dataset import Catalogue
from models.joint_model import JointModel
from models.rows_by_key import Carried, carry_over
from models.settings import TrainerSettings
from models.text.encoder import TextEncoder, encode_distinct
from models.weights import by_place
from schemas.statistics import STATISTICS

FOLDER = os.path.join("assets.extra", "warm_start")
_WEIGHTS, _KEYS, _TEXTS = "weights.npz", "keys.npz", "texts.npz"
_MEANING, _START = "meaning.json", "start.json"
_PROBES, _ROUNDING = 16, 1e-3  # texts that are encoded again to see that the encoder is still the same


class Start(pydantic.BaseModel):
    """How a model's training began.

    Attributes:
        kind: `warm` from another model's weights, or `cold` from random ones.
        reason: why cold; empty if warm.
        parent: the folder of the model whose weights were taken, or could not be; empty without one.
        rows: by embedding, how many rows were kept, are new, and have left.
    """

    kind: Literal["warm", "cold"]
    reason: str = ""
    parent: str = ""
    rows: dict[str, Carried] = {}

    @property
    def is_warm(self) -> bool:
        """Whether another model's weights were taken over."""
        return self.kind == "warm"

    def settings(self, settings: TrainerSettings) -> TrainerSettings:
        """The settings to train by: if warm, as far and as fast as the section `training.warm_start` says."""
        if not self.is_warm:
            return settings
        warm, training = settings.training.warm_start, settings.training
        update = {"learning_rate": warm.learning_rate or training.learning_rate}
        return settings.model_copy(update={"training": training.lasting(warm.epochs).model_copy(update=update)})


class _Unfit(Exception):
    """The earlier model cannot be gone on from; the message says why."""


def start(
    model: JointModel,
    parent: str | None,
    batch: dict[str, tf.Tensor],
    catalogue: Catalogue,
    graph: tft.TFTransformOutput,
    settings: TrainerSettings,
) -> Start:
    """Gives a new model the weights of an earlier one, if that is possible.

    Args:
        model: as built, not yet trained. It keeps its own weights if it starts cold.
        parent: the folder of the earlier model's SavedModel, such as a pushed version; None starts cold.
        batch: transformed requests, by which the model's layers create their weights.
        catalogue: the items of the new model.
        graph: with the vocabularies of the new model.
        settings: of the new model.

    Returns:
        How training begins.
    """
    if not parent:
        reason = "there is no blessed model of an earlier span" if settings.training.warm_start.enabled else "as set"
        return _logged(Start(kind="cold", reason=reason))
    try:
        weights, keys = _read(parent, settings)
        model.create_variables(tf.data.Dataset.from_tensors(batch))
        rows = _assign(model, weights, keys, _keys(catalogue, graph, settings))
    except _Unfit as error:
        return _logged(Start(kind="cold", reason=str(error), parent=parent))
    model.request_model.use_assigned_scales()
    return _logged(Start(kind="warm", parent=parent, rows=rows))


def known_texts(parent: str | None, encoder: TextEncoder, settings: TrainerSettings) -> dict[bytes, np.ndarray]:
    """What an earlier model's frozen encoder made of its texts, by text; empty where that does not hold any more.

    Args:
        parent: see `start`.
        encoder: of the new model.
        settings: of the new model.
    """
    path = os.path.join(parent or "", FOLDER, _TEXTS)
    if not parent or encoder.trainable_weights or not tf.io.gfile.exists(path):
        return {}
    try:
        if _read_meaning(parent)["text encoder"] != _meaning(settings)["text encoder"]:
            return {}
        texts, vectors = (_arrays(path)[name] for name in ("texts", "vectors"))
    except _Unfit as error:
        logging.info("Every text is encoded anew: %s", error)
        return {}
    probes = np.linspace(0, len(texts) - 1, min(_PROBES, len(texts)), dtype=int)
    again = encode_distinct(encoder, [text.decode() for text in texts[probes].tolist()])
    if again.shape != vectors[probes].shape or not np.allclose(again, vectors[probes], atol=_ROUNDING):
        logging.info("Every text is encoded anew: the encoder has changed since %s was made", parent)
        return {}
    return dict(zip(texts.tolist(), vectors, strict=True))


def save(
    directory: str,
    model: JointModel,
    begun: Start,
    catalogue: Catalogue,
    graph: tft.TFTransformOutput,
    settings: TrainerSettings,
) -> None:
    """Adds to a SavedModel what a later model needs to go on from it, and how its own training began."""
    folder = os.path.join(directory, FOLDER)
    tf.io.gfile.makedirs(folder)
    files = {
        _WEIGHTS: {place: variable.numpy() for place, variable in by_place(model).items()},
        _KEYS: _keys(catalogue, graph, settings),
    }
    if not model.item_tower.text.encoder.trainable_weights:
        files[_TEXTS] = dict(zip(("texts", "vectors"), model.item_tower.text.encoded(), strict=True))
    for name, arrays in files.items():
        content = io.BytesIO()
        np.savez(content, **arrays)
        with tf.io.gfile.GFile(os.path.join(folder, name), "wb") as file:
            file.write(content.getvalue())
    for name, text in ((_MEANING, json.dumps(_meaning(settings), indent=2)), (_START, begun.model_dump_json(indent=2))):
        with tf.io.gfile.GFile(os.path.join(folder, name), "w") as file:
            file.write(text + "\n")


def read_start(directory: str) -> Start | None:
    """How the training of a SavedModel began; None if it does not tell."""
    path = os.path.join(directory, FOLDER, _START)
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        return Start.model_validate_json(file.read())


def _logged(begun: Start) -> Start:
    if begun.is_warm:
        counts = "; ".join(f"{name}: {rows}" for name, rows in begun.rows.items())
        logging.info("Warm start from %s. %s", begun.parent, counts)
    else:
        logging.info("Cold start: %s", begun.reason)
    return begun


def _read(parent: str, settings: TrainerSettings) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    folder = os.path.join(parent, FOLDER)
    if not tf.io.gfile.exists(os.path.join(folder, _MEANING)):
        raise _Unfit(f"{parent} holds no {FOLDER}, which models have that were made since this is known")
    theirs = _read_meaning(parent)
    if changed := [name for name, value in _meaning(settings).items() if theirs.get(name) != value]:
        raise _Unfit(f"{', '.join(changed)} of the model were others when {parent} was made")
    return _arrays(os.path.join(folder, _WEIGHTS)), _arrays(os.path.join(folder, _KEYS))


def _read_meaning(parent: str) -> dict[str, object]:
    path = os.path.join(parent, FOLDER, _MEANING)
    try:
        with tf.io.gfile.GFile(path) as file:
            return json.load(file)
    except (ValueError, tf.errors.OpError) as error:
        raise _Unfit(f"{path} cannot be read: {error}") from error


def _arrays(path: str) -> dict[str, np.ndarray]:
    try:
        with tf.io.gfile.GFile(path, "rb") as file, np.load(io.BytesIO(file.read()), allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, zipfile.BadZipFile, tf.errors.OpError) as error:
        raise _Unfit(f"{path} cannot be read: {error}") from error


def _meaning(settings: TrainerSettings) -> dict[str, object]:
    """What the inputs and outputs of the dense layers stand for, which their shapes do not tell."""
    text, wanted = settings.model.text, settings.model.item_to_item
    item_to_item = [f"item_to_item: {wanted.regularization}"] if wanted.items else []
    return {
        "features": [f"{f.role}_{f.name}: {f.kind}" for f in settings.features if f.train],
        "text encoder": [text.preprocessor, text.encoder, text.output],
        "heads": [f"{head.name}: {head.loss}" for head in settings.heads],
        "history events": sorted(settings.history_kinds),
        "positive events": sorted(settings.positive_kinds),
        "statistics": [*STATISTICS, f"popularity_days: {settings.popularity_days}", *item_to_item],
    }


def _keys(catalogue: Catalogue, graph: tft.TFTransformOutput, settings: TrainerSettings) -> dict[str, np.ndarray]:
    """By the place of each embedding that grows, what its rows stand for; row 0 is the unknown, keyed by nothing."""

    def vocabulary(name: str) -> np.ndarray:
        return np.array([b"", *graph.vocabulary_by_name(name)])

    embedded = ["scene", *settings.names("user", "categorical"), *settings.names("context", "categorical")]
    attributes = settings.names("item", "categorical")
    return {
        "item_tower/ids/embeddings": catalogue.item_ids.astype(bytes),
        **{f"item_tower/attributes/{i}/embeddings": vocabulary(name) for i, name in enumerate(attributes)},
        **{f"request_model/query_tower/categorical/{name}/embeddings": vocabulary(name) for name in embedded},
        "request_model/query_tower/kind/embeddings": np.array([b"", *(k.encode() for k in settings.history_kinds)]),
    }


def _assign(
    model: JointModel, weights: dict[str, np.ndarray], old_keys: dict[str, np.ndarray], keys: dict[str, np.ndarray]
) -> dict[str, Carried]:
    """Assigns all weights, or none."""
    variables = by_place(model)
    if unlike := sorted(variables.keys() ^ weights.keys()):
        raise _Unfit(f"the layers were others: {', '.join(unlike)}")
    values, counts = {}, {}
    for place, variable in variables.items():
        if place in keys:
            fresh, old = variable.numpy(), weights[place]
            if fresh.shape[1:] != old.shape[1:]:
                raise _Unfit(f"{place} has rows of {fresh.shape[1]} where the earlier model has {old.shape[1]}")
            values[place], counts[place] = carry_over(fresh, keys[place], old, old_keys[place])
        elif tuple(variable.shape) != weights[place].shape:
            raise _Unfit(f"{place} is {tuple(variable.shape)} where the earlier model has {weights[place].shape}")
        else:
            values[place] = weights[place]
    for place, value in values.items():
        variables[place].assign(value)
    return counts
