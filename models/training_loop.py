"""The loop over epochs and steps."""

from collections.abc import Callable

import tensorflow as tf

from models.checkpoint import Checkpoint, Place
from models.joint_model import JointModel


class TrainingLoop:
    """Trains as Keras' `fit` does, callbacks included, but can begin in the middle of an epoch, which `fit` cannot.

    Args:
        model: compiled; all its variables exist.
        epochs: how often to go through the data.
        steps: batches in it.
        batches: gives the data of an epoch without its first batches, both by their number.
        validation: what each epoch is judged by; None judges by nothing.
    """

    def __init__(
        self,
        model: JointModel,
        epochs: int,
        steps: int,
        batches: Callable[[int, int], tf.data.Dataset],
        validation: tf.data.Dataset | None,
    ):
        self._model, self._epochs, self._steps = model, epochs, steps
        self._batches, self._validation = batches, validation

    def run(
        self, callbacks: list[tf.keras.callbacks.Callback], checkpoint: Checkpoint | None
    ) -> list[dict[str, float]]:
        """Trains from the beginning, or from where the checkpoint is; gives the losses of each epoch."""
        model = self._model
        hooks = tf.keras.callbacks.CallbackList(callbacks, model=model, epochs=self._epochs, steps=self._steps)
        model.stop_training = False
        with model.distribute_strategy.scope():
            hooks.on_train_begin()
            begin, history = checkpoint.restore() if checkpoint else (Place(), [])
            _log_again(callbacks, history)
            for epoch in range(begin.epoch, self._epochs):
                if model.stop_training:
                    break
                self._epoch(epoch, begin.step if epoch == begin.epoch else 0, hooks, history, checkpoint)
            hooks.on_train_end()
        return history

    def _epoch(
        self,
        epoch: int,
        first_step: int,
        hooks: tf.keras.callbacks.CallbackList,
        history: list[dict[str, float]],
        checkpoint: Checkpoint | None,
    ) -> None:
        model = self._model
        model.reset_metrics()
        if first_step:
            checkpoint.restore_metrics()
        hooks.on_epoch_begin(epoch)
        take_step = model.make_train_function()
        batches = iter(model.distribute_strategy.experimental_distribute_dataset(self._batches(epoch, first_step)))
        for step in range(first_step, self._steps):
            hooks.on_train_batch_begin(step)
            hooks.on_train_batch_end(step, take_step(batches) | self._learning_rate())
            if checkpoint:
                checkpoint.write_if_due(Place(epoch, step + 1), history)
        logs = _values(model.get_metrics_result()) | _values(self._learning_rate())
        if self._validation is not None:
            model.evaluate(self._validation, callbacks=hooks, verbose=0)
            logs |= {f"val_{name}": value for name, value in _values(model.get_metrics_result()).items()}
        hooks.on_epoch_end(epoch, logs)
        history.append(logs)
        if checkpoint:
            checkpoint.write_if_due(Place(epoch + 1), history)

    def _learning_rate(self) -> dict[str, tf.Tensor]:
        return {"learning_rate": tf.convert_to_tensor(self._model.optimizer.learning_rate)}


def _values(metrics: dict[str, tf.Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}


def _log_again(callbacks: list[tf.keras.callbacks.Callback], history: list[dict[str, float]]) -> None:
    """Gives a resumed training's curves the epochs before the interruption; they were written to another folder."""
    for callback in callbacks:
        if isinstance(callback, tf.keras.callbacks.TensorBoard):
            for epoch, logs in enumerate(history):
                callback.on_epoch_end(epoch, logs)
