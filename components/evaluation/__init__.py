"""How a model is judged: metrics of lists over the exported SavedModel, the gates before a push, and the report.

`component` is TFX's Evaluator with a gate of our own. `gate` writes what it measures: `tfma_metrics`, which runs
`ranking_metrics` and `metrics` inside TFMA over what `extracts` reads. `slicing` says which requests are in which
slice, and `saved` what a SavedModel can be asked. `judge` holds the values against the gates and gives a `verdict`,
`verdict_text` puts it in words, `report` reads values and verdict back and `report_table` prints them.
"""

import models  # noqa: F401  (selects Keras 2 before anything imports TensorFlow)
