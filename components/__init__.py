"""TFX components of Shelfwise, one folder each."""

import models  # noqa: F401  (selects Keras 2 before anything imports TensorFlow)
