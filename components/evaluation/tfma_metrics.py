"""List metrics for TensorFlow Model Analysis, found by the Evaluator through `module` and `class_name`.

TFMA's own ranking metrics want one example a candidate; here one example is a whole request and a prediction a whole
list. TFMA repeats a combiner for every slice that a request belongs to, so a preprocessor computes all that a request
adds, for all models, once, and the combiner only adds. It adds up the sample and its resamples of shoppers side by
side, which gives every value an interval, and the change against the baseline one that is paired.
"""

import json
from collections.abc import Sequence

from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from components.evaluation.metrics.heads import Head
from components.evaluation.metrics.selection import Selection
from components.evaluation.tfma_contribution import Contribute
from components.evaluation.tfma_plan import Plan
from components.evaluation.tfma_sums import AddUp


class ListMetrics(metric_types.Metric):
    """Everything that `components.evaluation.metrics` measures, with intervals."""

    def __init__(
        self,
        cutoffs: list[int],
        resamples: int = 200,
        catalogue: str | None = None,
        category: str | None = None,
        embeddings: str | None = None,
        exposure: Sequence[str] = (),
        heads: Sequence[Sequence[str]] = (),
        activity: Sequence[int] = (),
        name: str = "list_metrics",
    ):
        """Creates the metric; TFMA calls this with the JSON `config` of a MetricConfig.

        Args:
            cutoffs: list lengths to judge; properties of lists are those of the first.
            resamples: how many resamples of shoppers the intervals come from.
            catalogue: file pattern of the request examples' split `catalog`; None leaves out what needs it.
            category: the item feature that categories are; None leaves out what needs one.
            embeddings: file of the items' embeddings; None leaves out what needs them.
            exposure: item features of whose values the exposure is measured.
            heads: name and loss of each of the ranker's heads.
            activity: not read here; `components.evaluation.slicing` finds the bounds of the deciles beside the rest.
            name: TFMA's name of the whole.
        """
        super().__init__(
            _computations,
            cutoffs=cutoffs,
            resamples=resamples,
            catalogue=catalogue,
            category=category,
            embeddings=embeddings,
            exposure=exposure,
            heads=heads,
            activity=activity,
            name=name,
        )


def with_settings(eval_config: config_pb2.EvalConfig, **settings) -> config_pb2.EvalConfig:
    """A copy of the configuration in which `ListMetrics` has more arguments, those that are known only at run time."""
    located = config_pb2.EvalConfig()
    located.CopyFrom(eval_config)
    for spec in located.metrics_specs:
        for metric in spec.metrics:
            if (metric.module, metric.class_name) == (__name__, ListMetrics.__name__):
                metric.config = json.dumps({**json.loads(metric.config), **settings})
    return located


def _computations(
    cutoffs: list[int],
    resamples: int,
    catalogue: str | None,
    category: str | None,
    embeddings: str | None,
    exposure: Sequence[str],
    heads: Sequence[Sequence[str]],
    activity: Sequence[int],
    name: str,
    eval_config: config_pb2.EvalConfig,
    model_names: list[str],
) -> metric_types.MetricComputations:
    del name, activity  # the keys are named by what they measure
    specs = [spec for spec in eval_config.model_specs if len(model_names) == 1 or spec.name in model_names]
    baselines = [spec.name for spec in specs if spec.is_baseline and spec.name in model_names]
    # TFMA leaves the name of a single model empty.
    predicting = [spec.name if len(model_names) > 1 else "" for spec in specs if spec.preprocessing_function_names]
    selection = Selection(
        tuple(cutoffs),
        has_catalogue=catalogue is not None,
        has_category=category is not None,
        has_embeddings=embeddings is not None,
        exposure=tuple(exposure) if catalogue is not None else (),
        heads=tuple(Head(*head) for head in heads),
    )
    plan = Plan(
        model_names,
        baselines[0] if baselines else None,
        predicting,
        selection,
        resamples,
        catalogue,
        category,
        embeddings,
    )
    return [
        metric_types.MetricComputation(
            keys=[key for model_name in model_names for key in plan.keys(model_name)],
            preprocessors=[Contribute(plan)],
            combiner=AddUp(plan),
        )
    ]
