"""How training is spread over the devices of a machine."""

import functools
from typing import Literal

import tensorflow as tf


@functools.cache
def strategy(name: Literal["default", "mirrored"]) -> tf.distribute.Strategy:
    """The strategy that the configuration names.

    It is the only one of a process: TensorFlow takes the gradients of a second mirrored strategy's replicas for those
    of the first. TFX loads the modules of its entry points anew each time, so this is none of them.
    """
    return tf.distribute.MirroredStrategy() if name == "mirrored" else tf.distribute.get_strategy()
