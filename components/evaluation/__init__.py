"""How a model is judged: list metrics over the exported SavedModel, the gate before a push, and the report.

`ranking_metrics` holds the definitions in plain Python, `tfma_metrics` computes them inside the Evaluator component,
`gate` writes the Evaluator's configuration from a shop's floors and tolerances, `report` reads the results back and
`report_table` prints them.
"""

import models  # noqa: F401  (selects Keras 2 before anything imports TensorFlow)
