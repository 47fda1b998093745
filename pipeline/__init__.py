"""The DAG, its configuration and what runs it."""

import models  # noqa: F401  (selects Keras 2 before anything imports TensorFlow)
