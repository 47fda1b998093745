"""The Evaluator's configuration: what is measured, over which slices, and what a model needs to be pushed.

A model is blessed when, over all requests, every floor is reached, no metric falls further below the last blessed model
than its tolerance, and at least one request was judged. Without a baseline TFX drops the comparison; the last
condition then is what lets a first model be blessed at all, because TFX refuses a model that nothing was asked of.
"""

import json

from tensorflow_model_analysis.proto import config_pb2

from components.evaluation import ranking_metrics, tfma_metrics
from pipeline.config import Config

CANDIDATE = "candidate"
BASELINE = "baseline"
MIN_REQUESTS = 1.0


def eval_config(config: Config) -> config_pb2.EvalConfig:
    """Builds the configuration of TFX's Evaluator component.

    The component drops the baseline and every comparison with it when it is given no baseline model.
    """
    evaluation = config.evaluation
    metrics = config_pb2.MetricsSpec(
        metrics=[
            config_pb2.MetricConfig(
                class_name=tfma_metrics.ListMetrics.__name__,
                module=tfma_metrics.__name__,
                config=json.dumps({"cutoffs": evaluation.cutoffs}),
            )
        ]
    )
    for name, floor in {ranking_metrics.REQUESTS: MIN_REQUESTS, **evaluation.floors}.items():
        _overall_threshold(metrics, name).value_threshold.lower_bound.value = floor
    for name, tolerance in evaluation.max_loss.items():
        change = _overall_threshold(metrics, name).change_threshold
        change.direction = config_pb2.MetricDirection.HIGHER_IS_BETTER
        change.absolute.value = -tolerance
    return config_pb2.EvalConfig(
        model_specs=[_model_spec(CANDIDATE), _model_spec(BASELINE, is_baseline=True)],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=features) for features in evaluation.slices if features),
        ],
        metrics_specs=[metrics],
    )


def _model_spec(name: str, is_baseline: bool = False) -> config_pb2.ModelSpec:
    return config_pb2.ModelSpec(
        name=name,
        is_baseline=is_baseline,
        signature_name="serving_default",
        model_type="tf_generic",  # otherwise TFMA tries to load the model as a Keras one first
        label_key=tfma_metrics.LABEL_KEY,
    )


def _overall_threshold(metrics: config_pb2.MetricsSpec, name: str) -> config_pb2.MetricThreshold:
    """Adds an empty threshold on a metric; without the explicit empty slice it would hold for every slice."""
    thresholds = metrics.per_slice_thresholds[name].thresholds
    return thresholds.add(slicing_specs=[config_pb2.SlicingSpec()]).threshold
