"""Lays a document out as one HTML file that needs nothing else."""

import jinja2
import markupsafe

from components.evaluation import ranking_metrics
from components.evaluation.metrics import names
from components.evaluation.slices import slice_name
from pipeline.config_evaluation import ACTIVITY, LABEL_PREFIX
from pipeline.page import column_plots, data_words, layout, plots, words
from pipeline.page.document import DataDocument, Document, Slice, Table

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
    "base": names.base,
    "REQUESTS": ranking_metrics.REQUESTS,
}


def html(document: Document) -> str:
    """The page of an evaluation."""
    metric = layout.main_metric(document.cutoffs)
    return _ENVIRONMENT.get_template("page.html.jinja").render(
        document=document,
        metric=metric,
        slices_plot=plots.quality_by_slice(layout.without(document.slices, ACTIVITY, LABEL_PREFIX), metric),
        activity_plot=_plot(layout.by_alone(document.slices, ACTIVITY), metric, "activity"),
        labels_plot=_plot(layout.by_alone(document.slices, LABEL_PREFIX), f"recall@{document.cutoffs[-1]}", "labels"),
        calibration_plots=[plots.calibration(one) for one in document.calibration],
        feature_plots={name: plots.values(name, shares) for name, shares in document.exposure.features.items()},
        history_plots={name: plots.history(document.history, name) for name in layout.headline(document) or [metric]},
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


def _plot(slices: list[Slice], metric: str, name: str) -> markupsafe.Markup | None:
    """The slices of one kind; nothing where there are none."""
    return plots.quality_by_slice(slices, metric, name) if slices else None
