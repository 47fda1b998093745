"""Checkpoints of a training in progress, from which the next run goes on if this one is killed.

TFX gives each execution folders of its own, so checkpoints lie beside them, in a folder that is named after all that
decides the training: its examples, its settings and the code. What an interrupted training ends with, once resumed, is
what it would have ended with anyhow: the weights, the optimizer's state, the random draws, the place in the data, the
losses so far of the epoch and early stopping's best epoch are all brought back.

Keras' own `BackupAndRestore` keeps no record of early stopping, random draws and the place within shuffled data, and
is done with its checkpoint when training ends, not when the model has been exported.
"""

import hashlib
import json
import os
import re
import time
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from absl import logging

from models.joint_model import JointModel
from pipeline.fingerprint import fingerprint

_FOLDER = re.compile("training-[0-9a-f]{16}")
_COUNTS = ("best_epoch", "wait", "stopped_epoch")  # of early stopping


class Place(NamedTuple):
    """How far a training is: epochs that are done, and steps of the one that is not."""

    epoch: int = 0
    step: int = 0


def folder_of(root: str, files: list[str], decides: dict) -> str:
    """The folder below `root` that belongs to one training.

    Args:
        root: of all checkpoints of a pipeline.
        files: patterns of the files that it reads.
        decides: whatever else decides it, apart from the code of this package and of the schemas; JSON.
    """
    read = [(path, *_version(path)) for pattern in files for path in sorted(tf.io.gfile.glob(pattern))]
    decides = {"decides": decides, "files": read, "code": fingerprint("models", "schemas")}
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
    return os.path.join(root, f"training-{digest[:16]}")


def _version(path: str) -> tuple[int, int]:
    found = tf.io.gfile.stat(path)
    return found.length, found.mtime_nsec


def discard(root: str) -> None:
    """Removes the checkpoints of a pipeline, those of trainings that were given up among them, and nothing else."""
    for folder in tf.io.gfile.glob(os.path.join(root, "*")):
        if _FOLDER.fullmatch(os.path.basename(folder)):
            tf.io.gfile.rmtree(folder)


class _Progress(tf.train.experimental.PythonState):
    """What a checkpoint holds that is no tensor."""

    def __init__(self):
        self.values: dict = {}

    def serialize(self) -> str:
        return json.dumps(self.values)

    def deserialize(self, string_value: bytes) -> None:
        self.values = json.loads(string_value)


class Checkpoint:
    """The newest checkpoint of one training; writing replaces it only once the new one is complete.

    Args:
        folder: where it lies, as by `folder_of`.
        seconds: no more often than this is it written.
        model: what is trained; all its variables exist.
        early_stopping: whose best epoch is kept; None if there is none.
    """

    def __init__(
        self, folder: str, seconds: float, model: JointModel, early_stopping: tf.keras.callbacks.EarlyStopping | None
    ):
        self._folder, self._seconds, self._written = folder, seconds, time.monotonic()
        self._model, self._early_stopping = model, early_stopping
        fixed = {id(weight) for weight in model.item_tower.text.encoder.non_trainable_weights}
        self._learning = [place for place, weight in enumerate(model.weights) if id(weight) not in fixed]
        weights = [model.weights[place] for place in self._learning]
        self._best = [tf.Variable(tf.zeros_like(weight), trainable=False) for weight in weights if early_stopping]
        self._progress = _Progress()
        state = tf.train.Checkpoint(
            weights=weights,
            optimizer=model.optimizer,
            random=model.random,
            best=self._best,
            progress=self._progress,
            train_counter=model._train_counter,  # by which Keras numbers the steps in TensorBoard
        )
        self._manager = tf.train.CheckpointManager(state, folder, max_to_keep=1)

    def restore(self) -> tuple[Place, list[dict[str, float]]]:
        """Brings back the newest checkpoint, if there is one; call it when callbacks have begun.

        Returns:
            Where training goes on, and the losses of each epoch that is done.

        Raises:
            RuntimeError: there is one, and it cannot be read.
        """
        if self._manager.latest_checkpoint is None:
            return Place(), []
        try:
            self._manager.checkpoint.restore(self._manager.latest_checkpoint).assert_consumed()
        except (AssertionError, ValueError, IndexError, tf.errors.OpError) as error:  # IndexError: a file is cut short
            raise RuntimeError(
                f"the checkpoint of an interrupted training cannot be read; remove {self._folder} to train from the "
                f"beginning: {error}"
            ) from error
        found = self._progress.values
        if self._early_stopping:
            self._restore_early_stopping(found["early_stopping"])
        place = Place(*found["place"])
        logging.info("an interrupted training goes on at epoch %d, step %d", place.epoch + 1, place.step + 1)
        return place, found["history"]

    def _restore_early_stopping(self, found: dict) -> None:
        for name in ("best", *_COUNTS):
            setattr(self._early_stopping, name, found[name])
        if found["has_weights"]:
            weights = self._model.get_weights()
            for place, best in zip(self._learning, self._best, strict=True):
                weights[place] = best.numpy()
            self._early_stopping.best_weights = weights
        self._model.stop_training = found["stopped_epoch"] > 0

    def restore_metrics(self) -> None:
        """Brings back the losses so far of the epoch that was interrupted, which begins by forgetting them."""
        for metric, values in zip(self._model.metrics, self._progress.values["metrics"], strict=True):
            metric.set_weights([np.float32(value) for value in values])

    def write_if_due(self, place: Place, history: list[dict[str, float]]) -> None:
        """Writes a checkpoint unless the last one is recent."""
        if time.monotonic() - self._written >= self._seconds:
            self._progress.values = {
                "place": place,
                "history": history,
                "metrics": [[float(value) for value in metric.get_weights()] for metric in self._model.metrics],
                "early_stopping": self._early_stopping and self._stopping_state(),
            }
            self._manager.save()
            self._written = time.monotonic()

    def _stopping_state(self) -> dict:
        weights = self._early_stopping.best_weights
        if weights is not None:
            for place, best in zip(self._learning, self._best, strict=True):
                best.assign(weights[place])
        return {
            "best": float(self._early_stopping.best),
            **{name: int(getattr(self._early_stopping, name)) for name in _COUNTS},
            "has_weights": weights is not None,
        }
