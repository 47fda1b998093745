"""One evaluation as a page that opens from disk, and as JSON beside it.

`document` is what both say. `lineage`, `judged_lists`, `exposure`, `table_statistics` and `curves` read it from what
the pipeline wrote; `render` lays it out with the templates, and `plots` draws. `pipeline.report_page` puts it together.
"""

import models  # noqa: F401  (selects Keras 2 before anything imports TensorFlow)
