"""How much of what the log has: written beside the request examples, and by the Evaluator beside its values."""

import json
import os
from collections.abc import Mapping

from tensorflow_model_analysis.proto import config_pb2
from tfx.dsl.io import fileio
from tfx.utils import proto_utils

from components.evaluation import logged_metrics
from schemas.request_example import OUTCOME_FILE


def with_kinds(eval_config: str, counts: Mapping[str, int]) -> str:
    """The Evaluator's configuration as JSON, told what the log has."""
    parsed = config_pb2.EvalConfig()
    proto_utils.json_to_proto(eval_config, parsed)
    return proto_utils.proto_to_json(logged_metrics.with_kinds(parsed, counts))


def save(counts: Mapping[str, int], evaluation_uri: str) -> None:
    """Writes the counts into the folder of an evaluation, which may be in a bucket."""
    with fileio.open(os.path.join(evaluation_uri, OUTCOME_FILE), "w") as file:
        file.write(json.dumps(dict(counts), indent=2, sort_keys=True) + "\n")


def load(uri: str) -> dict[str, int]:
    """Reads the counts of an artefact; nothing if there are none."""
    path = os.path.join(uri, OUTCOME_FILE)
    if not fileio.exists(path):
        return {}
    with fileio.open(path) as file:
        return json.loads(file.read())
