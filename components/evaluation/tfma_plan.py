"""What is measured of which models, and under which keys of TFMA."""

import dataclasses

from tensorflow_model_analysis.metrics import metric_types

from components.evaluation.metrics import catalogue_files, names
from components.evaluation.metrics.catalogue import Catalogue
from components.evaluation.metrics.heads import CROSS_ENTROPY, Head
from components.evaluation.metrics.selection import Selection
from components.evaluation.metrics.sums import Layout


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is measured of which models; every worker gets it.

    Attributes:
        model_names: of the models, as TFMA names them: empty for a single one.
        baseline_name: of the one to compare with, if any.
        predicting: names of the models whose heads are asked about the candidates.
        selection: the metrics.
        resamples: of shoppers.
        catalogue: see `tfma_metrics.ListMetrics`.
        category: likewise.
        embeddings: likewise.
    """

    model_names: list[str]
    baseline_name: str | None
    predicting: list[str]
    selection: Selection
    resamples: int
    catalogue: str | None
    category: str | None
    embeddings: str | None

    def layout(self) -> Layout:
        """What stands where in the sums."""
        return Layout(self.selection)

    def read_catalogue(self) -> Catalogue | None:
        """The catalogue, if its place is known; read once a process."""
        if self.catalogue is None:
            return None
        return catalogue_files.read(self.catalogue, self.category, self.selection.exposure, self.embeddings)

    @property
    def classifiers(self) -> list[Head]:
        """Heads that have calibration bins."""
        return [head for head in self.selection.heads if head.loss == CROSS_ENTROPY]

    def keys(self, model_name: str) -> list[metric_types.MetricKey]:
        """Keys of all that is measured of a model."""
        layout, plain = self.layout(), names.exposure_names(self.selection) + names.calibration_names(self.selection)
        found = layout.counts + plain
        found += [name + suffix for name in layout.metrics for suffix in ("", names.LOW, names.HIGH)]
        if self.baseline_name not in (None, model_name):
            changes = [name + names.CHANGE for name in layout.metrics]
            found += [change + suffix for change in changes for suffix in ("", names.LOW, names.HIGH)]
            found += [name + names.CHANGE for name in plain]
        return [key(name, model_name) for name in found] + [plot(head, model_name) for head in self.classifiers]


def key(name: str, model_name: str) -> metric_types.MetricKey:
    """The key of a value."""
    # Thresholds of a MetricsSpec look metrics up with example_weighted unset, which is not MetricKey's default.
    return metric_types.MetricKey(name=name, model_name=model_name, example_weighted=None)


def plot(head: Head, model_name: str) -> metric_types.PlotKey:
    """The key of a head's calibration bins."""
    return metric_types.PlotKey(name=head.name, model_name=model_name, example_weighted=None)
