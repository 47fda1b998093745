import models  # noqa: F401  (selects Keras 2, whichever test imports TensorFlow first)
