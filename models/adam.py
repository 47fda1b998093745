"""Adam, with gradients clipped by the length that they truly have."""

import tensorflow as tf


class Adam(tf.keras.optimizers.Adam):
    """Keras' Adam (Kingma and Ba 2015) whose `global_clipnorm` counts each row of an embedding once.

    An item that comes several times into a step has as many parts of its gradient. Keras measures their length before
    it sums them up.
    """

    def _clip_gradients(self, grads: list) -> list:
        return super()._clip_gradients(self._deduplicate_sparse_grad(grads) if self.global_clipnorm else grads)
