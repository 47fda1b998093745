"""Lays a document out as one HTML file that needs nothing else."""

import jinja2

from components.evaluation import ranking_metrics
from components.evaluation.slices import slice_name
from pipeline.page import column_plots, data_words, layout, plots, words
from pipeline.page.document import DataDocument, Document, Table

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("pipeline.page"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals |= {
    "layout": layout,
    "words": words,
    "data_words": data_words,
    "slice_name": slice_name,
    "REQUESTS": ranking_metrics.REQUESTS,
}


def html(document: Document) -> str:
    """The page of an evaluation."""
    metric = layout.main_metric(document.cutoffs)
    return _ENVIRONMENT.get_template("page.html.jinja").render(
        document=document,
        metric=metric,
        slices_plot=plots.quality_by_slice(document.slices, metric),
        history_plot=plots.history(document.history, metric),
        exposure_plot=plots.exposure(document.exposure),
        curve_plots=[plots.curve(curve) for curve in document.curves],
        column_plots=_column_plots(document.tables),
    )


def data_html(document: DataDocument) -> str:
    """The page about the data of a run."""
    return _ENVIRONMENT.get_template("data_page.html.jinja").render(
        document=document, column_plots=_column_plots(document.tables)
    )


def _column_plots(tables: list[Table]) -> dict[str, list]:
    return {table.name: column_plots.of_table(table) for table in tables}
