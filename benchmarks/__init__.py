"""What is measured: each module is run by `python -m benchmarks.NAME` and prints its figures."""

import models  # noqa: F401  (selects Keras 2 before anything imports TensorFlow)
