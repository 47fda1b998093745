"""TFX's Evaluator, judged by gates that know intervals and slices."""

import os
from typing import Any

from absl import logging
from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.components.evaluator import constants, executor
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import io_utils, proto_utils

from components.evaluation import report, tfma_metrics, tfma_validation, verdict, verdict_text
from components.evaluation.judge import judge
from pipeline.config_evaluation import Gates
from schemas.request_example import CATALOG_SPLIT

GATES_KEY = "gates"


class Executor(executor.Executor):
    """Measures with TFMA, then judges what it measured.

    The stock executor measures, writes what TFMA's notebooks read and, without thresholds, blesses nothing. The
    artefacts that it then leaves to be written are written here as it would write them.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates and blesses or refuses; arguments as for TFX's executor, with `GATES_KEY` in the properties."""
        located = self._with_catalogue(input_dict, exec_properties[keys.EVAL_CONFIG_KEY])
        super().Do(input_dict, output_dict, {**exec_properties, keys.EVAL_CONFIG_KEY: located})

        evaluation_uri = artifact_utils.get_single_uri(output_dict[keys.EVALUATION_KEY])
        gates = Gates.model_validate_json(exec_properties[GATES_KEY])
        found = judge(report.load_slices(evaluation_uri), gates)
        tfma_validation.save(found, evaluation_uri)
        verdict.save(found, evaluation_uri)
        for check in found.refusals:
            logging.info("Refused: %s; %s", verdict_text.describe(check), verdict_text.advice(check))
        self._bless(input_dict, output_dict, exec_properties, found.blessed)

    def _with_catalogue(self, input_dict: dict[str, list[types.Artifact]], eval_config: str) -> str:
        """The configuration as JSON, told where the catalogue is."""
        parsed = config_pb2.EvalConfig()
        proto_utils.json_to_proto(eval_config, parsed)
        (uri,) = artifact_utils.get_split_uris(input_dict[keys.EXAMPLES_KEY], CATALOG_SPLIT)
        return proto_utils.proto_to_json(tfma_metrics.with_catalogue(parsed, io_utils.all_files_pattern(uri)))

    def _bless(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
        blessed: bool,
    ) -> None:
        """Writes what Pusher, `LatestBlessedBefore` and TFX's own resolvers read of a blessing."""
        blessing = artifact_utils.get_single_instance(output_dict[keys.BLESSING_KEY])
        model = artifact_utils.get_single_instance(input_dict[keys.MODEL_KEY])
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
        for baseline in input_dict.get(keys.BASELINE_MODEL_KEY, []):
            blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri)
            blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id)
        if "current_component_id" in exec_properties:
            blessing.set_string_custom_property("component_id", exec_properties["current_component_id"])
        file = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
        io_utils.write_string_file(os.path.join(blessing.uri, file), "")
        value = constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, value)
