"""How the learning rate changes over the steps of a training."""

import tensorflow as tf

from pipeline.config import ConfigError
from pipeline.config_training import Training


class WarmUp(tf.keras.optimizers.schedules.LearningRateSchedule):
    """Rises to `rate` in equal parts over the first `steps` steps; what follows is `after`, from its own beginning.

    Args:
        rate: the learning rate of the last step of the rise.
        steps: how many steps rise.
        after: the schedule from then on.
    """

    def __init__(self, rate: float, steps: int, after: tf.keras.optimizers.schedules.LearningRateSchedule):
        super().__init__()
        self._rate, self._steps, self._after = rate, steps, after

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The rate of a step; the first is step 0."""
        step = tf.cast(step, tf.float32)
        rising = self._rate * (step + 1.0) / self._steps
        return tf.where(step < self._steps, rising, self._after(tf.maximum(step - self._steps, 0.0)))


def schedule(training: Training, steps_an_epoch: int) -> tf.keras.optimizers.schedules.LearningRateSchedule:
    """The configured schedule; the cosine falls from the highest rate to 0 at the end of the last epoch.

    Raises:
        ConfigError: warming up would take all of the training.
    """
    total = training.epochs * steps_an_epoch
    falling = total - training.warmup_steps
    if training.warmup_steps and falling <= 0:
        raise ConfigError(
            f"training.warmup_steps: {training.warmup_steps} steps leave none of the {total} that {training.epochs} "
            f"epochs have; set fewer than {total}"
        )
    rate = training.learning_rate
    schedules = tf.keras.optimizers.schedules
    match training.schedule:
        case "cosine":
            after = schedules.CosineDecay(rate, falling)
        case "exponential":
            after = schedules.ExponentialDecay(rate, steps_an_epoch, training.decay)
        case "constant":
            after = schedules.PiecewiseConstantDecay([total], [rate, rate])
    return WarmUp(rate, training.warmup_steps, after) if training.warmup_steps else after


class SetLearningRate(tf.keras.callbacks.Callback):
    """Gives each step its learning rate.

    An optimizer could do so itself, but the model is built before the data that tells how many steps there will be.
    """

    def __init__(self, learning_rate: tf.keras.optimizers.schedules.LearningRateSchedule):
        super().__init__()
        self._learning_rate = learning_rate
        self._supports_tf_logs = True  # or Keras waits for the losses of every step on our account

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        optimizer = self.model.optimizer
        optimizer.learning_rate.assign(self._learning_rate(optimizer.iterations))
