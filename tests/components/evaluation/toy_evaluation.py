"""Runs the Evaluator's executor over SavedModels that answer from a table."""

import math
import pathlib
import string
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import proto_utils

from components.evaluation import executor, gate, report
from pipeline.beam import LOCAL_BEAM_ARGS
from pipeline.config import Config

MODEL_IDS = {"candidate": 12, "baseline": 7}

Features = dict[str, list[str | int | float]]
Lists = Sequence[Sequence[str]]


class _ListFromTable(tf.Module):
    """Recommends row i of a table to user `u<i>`; predicts of each candidate by its id, a to z."""

    def __init__(self, table: Lists, letters: dict[str, float]):
        super().__init__()
        self._table = tf.constant(table)
        self._predicted = tf.constant([letters.get(letter, 0.5) for letter in string.ascii_lowercase])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(self, examples):
        user_id = tf.io.parse_example(examples, {"user_id": tf.io.FixedLenFeature([], tf.string)})["user_id"]
        item_ids = tf.gather(self._table, tf.strings.to_number(tf.strings.substr(user_id, 1, -1), tf.int32))
        scores = tf.zeros(tf.shape(item_ids))
        return {"item_ids": item_ids, "scores": scores, "reasons": tf.fill(tf.shape(item_ids), "popular")}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def rank(self, examples):
        spec = {"candidate_item_ids": tf.io.VarLenFeature(tf.string)}
        candidates = tf.sparse.to_dense(tf.io.parse_example(examples, spec)["candidate_item_ids"], "z")
        predicted = tf.gather(self._predicted, _letter(candidates))
        return {"score": predicted, "purchase": predicted}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def embed(self, item_id):
        """One of the four points of the compass: a, b and c share the first, d, e and f the second, and so on."""
        angle = tf.cast(_letter(item_id) // 3, tf.float32) * math.pi / 2
        return {"embedding": tf.stack([tf.cos(angle), tf.sin(angle)], axis=1)}


def _letter(ids: tf.Tensor) -> tf.Tensor:
    """Place in the alphabet of ids of one letter."""
    code = tf.io.decode_raw(ids, tf.uint8, fixed_length=1)
    return tf.cast(tf.squeeze(code, -1), tf.int32) - ord("a")


class Evaluated(NamedTuple):
    """What the executor left behind."""

    report: report.EvaluationReport
    evaluation: str  # folder
    blessing: standard_artifacts.ModelBlessing


def evaluate(
    root: pathlib.Path,
    config: Config,
    requests: Sequence[Features],
    catalogue: Sequence[Features],
    candidate: Lists,
    baseline: Lists | None = None,
    predictions: Sequence[dict[str, float] | None] = (None, None),
) -> Evaluated:
    """Evaluates a table of lists, one of them an item's or a request's row, in an empty folder.

    `predictions` are the candidate's and the baseline's by item, a to z; a model that has none lacks
    all signatures but `serving_default`.
    """
    examples = _artifact(standard_artifacts.Examples, root / "examples")
    examples.split_names = artifact_utils.encode_split_names(["eval", "catalog"])
    _write(root / "examples" / "Split-eval", requests)
    _write(root / "examples" / "Split-catalog", catalogue)
    inputs = {"examples": [examples], "model": [_model(root, "candidate", candidate, predictions[0])]}
    if baseline is not None:
        inputs["baseline_model"] = [_model(root, "baseline", baseline, predictions[1])]
    evaluation = _artifact(standard_artifacts.ModelEvaluation, root / "evaluation")
    blessing = _artifact(standard_artifacts.ModelBlessing, root / "blessing")
    context = executor.Executor.Context(
        beam_pipeline_args=list(LOCAL_BEAM_ARGS), tmp_dir=str(root / "tmp"), unique_id="1"
    )
    executor.Executor(context).Do(
        inputs,
        {"evaluation": [evaluation], "blessing": [blessing]},
        {
            "eval_config": proto_utils.proto_to_json(gate.eval_config(config)),
            "example_splits": '["eval"]',
            "gates": config.evaluation.gates.model_dump_json(),
        },
    )
    return Evaluated(report.load_results(evaluation.uri), evaluation.uri, blessing)


def _artifact(cls, uri: pathlib.Path):
    artifact = cls()
    artifact.uri = str(uri)
    return artifact


def _model(
    root: pathlib.Path, name: str, table: Lists, predictions: dict[str, float] | None
) -> standard_artifacts.Model:
    module = _ListFromTable(table, predictions or {})
    signatures = {"serving_default": module.serve}
    if predictions is not None:
        signatures |= {"rank_examples": module.rank, "embed_items": module.embed}
    tf.saved_model.save(module, str(root / name / "Format-Serving"), signatures=signatures)
    model = _artifact(standard_artifacts.Model, root / name)
    model.id = MODEL_IDS[name]
    return model


def _write(folder: pathlib.Path, rows: Sequence[Features]) -> None:
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "examples.gz"), "GZIP") as writer:
        for row in rows:
            example = tf.train.Example()
            for name, values in row.items():
                feature = example.features.feature[name]
                for value in values:
                    match value:
                        case str():
                            feature.bytes_list.value.append(value.encode())
                        case int():
                            feature.int64_list.value.append(value)
                        case float():
                            feature.float_list.value.append(value)
            writer.write(example.SerializeToString())
