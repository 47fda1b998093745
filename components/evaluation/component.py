"""TFX's Evaluator with a gate of our own."""

from tensorflow_model_analysis.proto import config_pb2
from tfx.components.evaluator import component as stock
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from components.evaluation import executor
from pipeline.config_evaluation import Gates


class EvaluatorSpec(standard_component_specs.EvaluatorSpec):
    """Channels of TFX's Evaluator, and the gates."""

    PARAMETERS = {
        **standard_component_specs.EvaluatorSpec.PARAMETERS,
        executor.GATES_KEY: component_spec.ExecutionParameter(type=str),
    }


class Evaluator(stock.Evaluator):
    """Measures a model with TFMA and blesses it when it passes the gates; outputs `evaluation` and `blessing`."""

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        model: channel.BaseChannel,
        baseline_model: channel.BaseChannel,
        eval_config: config_pb2.EvalConfig,
        gates: Gates,
    ):
        """Args:
        examples: request examples; the split `eval` judges, `catalog` says what the items are.
        model: the candidate.
        baseline_model: what it is compared with; may turn out empty.
        eval_config: what is measured, without thresholds.
        gates: what the candidate needs to be blessed.
        """
        spec = EvaluatorSpec(
            examples=examples,
            model=model,
            baseline_model=baseline_model,
            eval_config=eval_config,
            example_splits=json_utils.dumps(["eval"]),
            evaluation=channel.OutputChannel(standard_artifacts.ModelEvaluation, self, "evaluation"),
            blessing=channel.OutputChannel(standard_artifacts.ModelBlessing, self, "blessing"),
            **{executor.GATES_KEY: gates.model_dump_json()},
        )
        base_beam_component.BaseBeamComponent.__init__(self, spec=spec)  # stock's own makes a spec that lacks gates
