"""The model: features, text encoder, towers, ranker, training and export.

TensorFlow Recommenders and TF Hub layers build on Keras 2, which TensorFlow picks only if this variable is set before
its first import. Every package of the project that reaches TensorFlow imports this one first.
"""

import os
import sys

if os.environ.setdefault("TF_USE_LEGACY_KERAS", "1") == "1" and "tensorflow" in sys.modules:
    import tensorflow as tf

    if not tf.keras.Model.__module__.startswith("tf_keras"):
        raise ImportError("TensorFlow was imported before Shelfwise and took Keras 3; import models first")
