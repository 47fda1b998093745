"""The metrics and the gate inside TFX's own Evaluator, over exported SavedModels."""

import io
import math
import pathlib

import pytest
import tensorflow as tf
from rich.console import Console
from tfx.components.evaluator.executor import Executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils, proto_utils

from components.evaluation import gate, report, report_table

BEAM_FLAGS = ["--runner=FnApiRunner", "--direct_running_mode=in_memory", "--direct_num_workers=1"]

# What each shopper's request looks like, and what the models answer. With cutoffs 2 and 3, recall@2 of the candidate:
# u0 1/2 (a of a, z), u1 1/2 (p of p, a), u2 is skipped, u3 0 (e stands third); of the baseline: u0 1, u1 1/2, u3 1.
REQUESTS = [
    {"user_id": ["u0"], "scene": ["home"], "shopper": ["new"],
     "label_item_ids": ["a", "z"], "first_time_item_ids": ["a", "z"], "past_item_ids": []},
    {"user_id": ["u1"], "scene": ["home"], "shopper": ["returning"],
     "label_item_ids": ["p", "a"], "first_time_item_ids": ["a"], "past_item_ids": ["p", "q"]},
    {"user_id": ["u2"], "scene": ["shop"], "shopper": ["returning"],
     "label_item_ids": [], "first_time_item_ids": [], "past_item_ids": ["p"]},
    {"user_id": ["u3"], "scene": ["shop"], "shopper": ["returning"],
     "label_item_ids": ["e"], "first_time_item_ids": [], "past_item_ids": ["e"]},
]  # fmt: skip
CANDIDATE = [["a", "b", "c", ""], ["p", "q", "a", ""], ["p", "", "", ""], ["c", "d", "e", ""]]
BASELINE = [["z", "a", "b", "c"], ["q", "a", "p", ""], ["", "", "", ""], ["e", "", "", ""]]


class _ListFromTable(tf.Module):
    """Recommends row i of a table to user `u<i>`."""

    def __init__(self, table: list[list[str]]):
        super().__init__()
        self._table = tf.constant(table)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(self, examples):
        user_id = tf.io.parse_example(examples, {"user_id": tf.io.FixedLenFeature([], tf.string)})["user_id"]
        item_ids = tf.gather(self._table, tf.strings.to_number(tf.strings.substr(user_id, 1, -1), tf.int32))
        scores = tf.zeros(tf.shape(item_ids))
        return {"item_ids": item_ids, "scores": scores, "reasons": tf.fill(tf.shape(item_ids), "popular")}


def _artifact(cls, uri: pathlib.Path):
    artifact = cls()
    artifact.uri = str(uri)
    return artifact


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    for name, table in (("candidate", CANDIDATE), ("baseline", BASELINE)):
        module = _ListFromTable(table)
        path = str(root / name / "Format-Serving")
        tf.saved_model.save(module, path, signatures={"serving_default": module.serve})
    return {name: _artifact(standard_artifacts.Model, root / name) for name in ("candidate", "baseline")}


def _write_examples(root: pathlib.Path, requests: list[dict[str, list[str]]]):
    (root / "Split-eval").mkdir(parents=True)
    with tf.io.TFRecordWriter(str(root / "Split-eval" / "requests.gz"), "GZIP") as writer:
        for request in requests:
            example = tf.train.Example()
            for name, values in request.items():
                example.features.feature[name].bytes_list.value.extend(value.encode() for value in values)
            writer.write(example.SerializeToString())
    examples = _artifact(standard_artifacts.Examples, root)
    examples.split_names = artifact_utils.encode_split_names(["eval"])
    return examples


@pytest.fixture
def evaluate(models, shop_config, tmp_path):
    """Runs the Evaluator and returns its report and the names of the files that tell Pusher the verdict."""

    def run(candidate="candidate", baseline=None, requests=REQUESTS, **evaluation):
        config = shop_config(**{"cutoffs": [2, 3], "slices": [["shopper"], ["scene"]], **evaluation})
        inputs = {"examples": [_write_examples(tmp_path / "examples", requests)], "model": [models[candidate]]}
        if baseline:
            inputs["baseline_model"] = [models[baseline]]
        results, blessing = tmp_path / "evaluation", tmp_path / "blessing"
        context = Executor.Context(beam_pipeline_args=list(BEAM_FLAGS), tmp_dir=str(tmp_path / "tmp"), unique_id="1")
        Executor(context).Do(
            inputs,
            {
                "evaluation": [_artifact(standard_artifacts.ModelEvaluation, results)],
                "blessing": [_artifact(standard_artifacts.ModelBlessing, blessing)],
            },
            {
                "eval_config": proto_utils.proto_to_json(gate.eval_config(config)),
                "example_splits": json_utils.dumps(["eval"]),
            },
        )
        return report.load_results(str(results)), [path.name for path in blessing.iterdir()]

    return run


def test_a_model_within_floor_and_tolerance_is_blessed_and_its_values_stand_by_slice(evaluate):
    found, files = evaluate(baseline="baseline", floors={"recall@2": 0.3}, max_loss={"recall@2": 0.6})

    # The floor holds overall only: in scene=shop the candidate's recall@2 is 0.
    assert files == ["BLESSED"]
    assert found.blessed
    assert found.refusals == []
    slices = {report.slice_name(metrics.slice): metrics for metrics in found.slices}
    assert list(slices) == ["overall", "scene=home", "scene=shop", "shopper=new", "shopper=returning"]

    overall = slices["overall"]
    assert overall.candidate["requests"] == 3
    assert overall.candidate["recall@2"] == pytest.approx((1 / 2 + 1 / 2 + 0) / 3)
    assert overall.baseline["recall@2"] == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert overall.candidate["mrr@3"] == pytest.approx((1 + 1 + 1 / 3) / 3)
    # u0 and u1 each have one hit at rank 1 of two relevant items, u3 has none.
    assert overall.candidate["ndcg@2"] == pytest.approx(2 / 3 * 1 / (1 + 1 / math.log2(3)))
    # First-time items: u0 finds a of a, z; u1's list without p and q starts with a, all there is to find.
    assert overall.candidate["first_time/requests"] == 2
    assert overall.candidate["first_time/recall@2"] == pytest.approx((1 / 2 + 1) / 2)
    # Baseline: u0 finds both; u1's list without q and p is a.
    assert overall.baseline["first_time/recall@2"] == pytest.approx(1.0)

    assert slices["shopper=new"].candidate["recall@2"] == pytest.approx(1 / 2)
    assert slices["shopper=returning"].candidate["recall@2"] == pytest.approx((1 / 2 + 0) / 2)
    assert slices["scene=shop"].candidate["requests"] == 1
    assert slices["scene=shop"].candidate["recall@2"] == 0.0
    assert math.isnan(slices["scene=shop"].candidate["first_time/recall@2"])

    console = Console(width=120, file=io.StringIO())
    console.print(report_table.metrics_table(found, ["recall@2", "mrr@3"]))
    console.print(report_table.metrics_table(found, ["recall@2"], group="first_time/"))
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    # The baseline has mrr@3 (1 + 1/2 + 1) / 3: u1 finds its first item, a, at rank 2.
    assert [line for line in lines if "overall" in line] == [
        ["overall", "3", "0.3333", "(-0.5000)", "0.7778", "(-0.0556)"],
        ["overall", "2", "0.7500", "(-0.2500)"],
    ]
    assert ["scene=shop", "0", "-"] in lines


def test_a_model_below_a_floor_is_refused_with_the_reason(evaluate):
    found, files = evaluate(baseline="baseline", floors={"recall@2": 0.4, "mrr@3": 0.5})
    assert files == ["NOT_BLESSED"]
    assert report_table.verdict(found) == "not blessed:\n  recall@2 (overall) is 0.3333, below its floor of 0.4"


def test_a_model_worse_than_the_baseline_beyond_the_tolerance_is_refused_with_the_reason(evaluate):
    found, files = evaluate(baseline="baseline", max_loss={"recall@2": 0.4, "first_time/recall@2": 0.3})
    assert files == ["NOT_BLESSED"]
    # 1/3 - 5/6 = -0.5; the first-time metric lost 0.25 of the 0.3 that it may.
    assert report_table.verdict(found) == (
        "not blessed:\n  recall@2 (overall) changed by -0.5 against the baseline; -0.4 is the limit"
    )


def test_the_same_model_again_passes_a_tolerance_of_zero(evaluate):
    _, files = evaluate(candidate="baseline", baseline="baseline", max_loss={"ndcg@3": 0.0})
    assert files == ["BLESSED"]


def test_a_first_model_is_blessed_although_there_is_no_baseline_to_compare_with(evaluate):
    found, files = evaluate(max_loss={"recall@2": 0.0})
    assert files == ["BLESSED"]
    assert report_table.verdict(found) == "blessed"
    assert found.slices[0].baseline == {}
    assert found.slices[0].candidate["recall@2"] == pytest.approx(1 / 3)


def test_a_model_judged_on_requests_without_answers_is_refused(evaluate):
    unanswered = [{name: request[name] for name in ("user_id", "scene", "shopper")} for request in REQUESTS]
    found, files = evaluate(requests=unanswered, floors={"ndcg@2": 0.0})
    assert files == ["NOT_BLESSED"]
    assert {str(refusal) for refusal in found.refusals} == {
        "requests (overall) is 0, below its floor of 1",
        "ndcg@2 (overall) has no value: no request counts for it",
    }


def test_a_model_judged_on_an_empty_split_is_refused(evaluate):
    found, files = evaluate(requests=[])
    assert files == ["NOT_BLESSED"]
    assert report_table.verdict(found) == "not blessed:\n  requests (overall) is 0, below its floor of 1"


def test_a_folder_without_an_evaluation_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        report.load_results(str(tmp_path))
