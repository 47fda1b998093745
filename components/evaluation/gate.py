"""The Evaluator's configuration: what is measured, and over which slices.

It holds no thresholds. What a model needs to be pushed is in the gates (`pipeline.config_evaluation`), and `judge`
holds the values against them.
"""

import json

from tensorflow_model_analysis.proto import config_pb2

from components.evaluation import extracts, logged_metrics, tfma_metrics
from components.evaluation.model_names import BASELINE, CANDIDATE
from pipeline.config import Config
from schemas.signatures import RANK_EXAMPLES


def eval_config(config: Config) -> config_pb2.EvalConfig:
    """Builds the configuration of TFX's Evaluator component.

    The component drops the baseline and every comparison with it when it is given no baseline model.
    """
    evaluation = config.evaluation
    categories = config.features_of("item", "categorical")
    settings = {
        "cutoffs": evaluation.cutoffs,
        "resamples": evaluation.resamples,
        "category": evaluation.category or next(iter(categories), None),
        "exposure": evaluation.exposure,
        "heads": [[head.name, head.loss] for head in config.model.heads],
    }
    metrics = config_pb2.MetricConfig(
        class_name=tfma_metrics.ListMetrics.__name__, module=tfma_metrics.__name__, config=json.dumps(settings)
    )
    settings = {
        "cutoffs": evaluation.cutoffs,
        "resamples": evaluation.resamples,
        "max_weight": evaluation.max_weight,
    }
    of_log = config_pb2.MetricConfig(
        class_name=logged_metrics.LoggedMetrics.__name__, module=logged_metrics.__name__, config=json.dumps(settings)
    )
    return config_pb2.EvalConfig(
        model_specs=[_model_spec(CANDIDATE), _model_spec(BASELINE, is_baseline=True)],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=features) for features in evaluation.slices if features),
        ],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[metrics, of_log])],
    )


def _model_spec(name: str, is_baseline: bool = False) -> config_pb2.ModelSpec:
    return config_pb2.ModelSpec(
        name=name,
        is_baseline=is_baseline,
        signature_name="serving_default",
        # Not features to TFMA's mind, but the one way to have a second signature called in the same pass.
        preprocessing_function_names=[RANK_EXAMPLES],
        model_type="tf_generic",  # otherwise TFMA tries to load the model as a Keras one first
        label_key=extracts.LABEL_KEY,
    )
