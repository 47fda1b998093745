"""TFX's Evaluator, judged by gates that know intervals and slices."""

import os
from typing import Any

from absl import logging
from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.components.evaluator import constants, executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import io_utils, path_utils, proto_utils

from components.evaluation import (
    outcome_counts,
    report,
    saved,
    slicing,
    tfma_metrics,
    tfma_validation,
    verdict,
    verdict_text,
)
from components.evaluation.judge import judge
from pipeline.config_evaluation import ACTIVITY, Gates
from schemas.request_example import CATALOG_SPLIT

GATES_KEY = "gates"
_JUDGED_SPLIT = "eval"
_EMBEDDINGS = "item_embeddings.npy"  # of the candidate, in the folder of the evaluation


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
        evaluation_uri = artifact_utils.get_single_uri(output_dict[keys.EVALUATION_KEY])
        located = self._located(input_dict, exec_properties[keys.EVAL_CONFIG_KEY], evaluation_uri)
        outcomes = outcome_counts.load(artifact_utils.get_single_uri(input_dict[keys.EXAMPLES_KEY]))
        located = outcome_counts.with_kinds(located, outcomes)
        properties = {keys.EVAL_CONFIG_KEY: located, keys.MODULE_PATH_KEY: slicing.__name__}
        super().Do(input_dict, output_dict, {**exec_properties, **properties})
        if fileio.exists(os.path.join(evaluation_uri, _EMBEDDINGS)):
            fileio.remove(os.path.join(evaluation_uri, _EMBEDDINGS))

        outcome_counts.save(outcomes, evaluation_uri)
        gates = Gates.model_validate_json(exec_properties[GATES_KEY])
        found = judge(report.load_slices(evaluation_uri), gates)
        tfma_validation.save(found, evaluation_uri)
        verdict.save(found, evaluation_uri)
        for check in found.refusals:
            logging.info("Refused: %s; %s", verdict_text.describe(check), verdict_text.advice(check))
        self._bless(input_dict, output_dict, exec_properties, found.blessed)

    def _located(self, input_dict: dict[str, list[types.Artifact]], eval_config: str, evaluation_uri: str) -> str:
        """The configuration as JSON, told where the catalogue is and what these models can be asked."""
        parsed = config_pb2.EvalConfig()
        proto_utils.json_to_proto(eval_config, parsed)
        (uri,) = artifact_utils.get_split_uris(input_dict[keys.EXAMPLES_KEY], CATALOG_SPLIT)
        catalogue = io_utils.all_files_pattern(uri)
        for spec in parsed.model_specs:
            key = keys.BASELINE_MODEL_KEY if spec.is_baseline else keys.MODEL_KEY
            if models := input_dict.get(key):
                saved.drop_unknown_signatures(spec, path_utils.serving_model_path(models[0].uri))
        candidate = path_utils.serving_model_path(artifact_utils.get_single_uri(input_dict[keys.MODEL_KEY]))
        embeddings = os.path.join(evaluation_uri, _EMBEDDINGS)
        known = saved.write_embeddings(candidate, catalogue, embeddings)
        by_activity = any(ACTIVITY in spec.feature_keys for spec in parsed.slicing_specs)
        (judged,) = artifact_utils.get_split_uris(input_dict[keys.EXAMPLES_KEY], _JUDGED_SPLIT)
        located = tfma_metrics.with_settings(
            parsed,
            catalogue=catalogue,
            embeddings=embeddings if known else None,
            activity=slicing.activity_bounds(io_utils.all_files_pattern(judged)) if by_activity else [],
        )
        return proto_utils.proto_to_json(located)

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
