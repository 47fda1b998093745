"""The metrics and the gate inside TFX's own Evaluator, over exported SavedModels."""

import io
import math
import pathlib

import pytest
import tensorflow_model_analysis as tfma
from rich.console import Console
from toy_evaluation import MODEL_IDS, evaluate

from components.evaluation import report, report_table
from components.evaluation.judge import judge
from components.evaluation.report import EvaluationReport
from components.evaluation.slices import slice_name
from pipeline.config_evaluation import Gates

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
CATALOGUE = [{"item_id": [item], "item_popularity": [1.0], "item_available": [1]} for item in "abcdepz"]
SETTINGS = {"cutoffs": [2, 3], "slices": [["shopper"], ["scene"]]}
SLICES = ["overall", "scene=home", "scene=shop", "shopper=new", "shopper=returning"]


@pytest.fixture(scope="module")
def compared(shop_config, tmp_path_factory):
    """The candidate against the baseline."""
    root = tmp_path_factory.mktemp("compared")
    return evaluate(root, shop_config(**SETTINGS), REQUESTS, CATALOGUE, CANDIDATE, BASELINE)


@pytest.fixture
def verdict_of(compared):
    """What the report says of the comparison, had it been judged by other gates."""

    def verdict_of(**gates) -> list[str]:
        slices = compared.report.slices
        return report_table.verdict(EvaluationReport(slices, judge(slices, Gates(**gates)))).splitlines()

    return verdict_of


def test_the_values_of_both_models_stand_by_slice(compared):
    slices = {slice_name(metrics.slice): metrics for metrics in compared.report.slices}
    assert list(slices) == SLICES

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
    assert overall.measured("recall@2").change == pytest.approx(1 / 3 - 5 / 6)

    assert slices["shopper=new"].candidate["recall@2"] == pytest.approx(1 / 2)
    assert slices["shopper=returning"].candidate["recall@2"] == pytest.approx((1 / 2 + 0) / 2)
    assert slices["scene=shop"].candidate["requests"] == 1
    assert slices["scene=shop"].candidate["recall@2"] == 0.0
    assert math.isnan(slices["scene=shop"].candidate["first_time/recall@2"])


def test_the_table_shows_each_value_with_what_it_gained(compared):
    console = Console(width=120, file=io.StringIO())
    console.print(report_table.metrics_table(compared.report, ["recall@2", "mrr@3"]))
    console.print(report_table.metrics_table(compared.report, ["recall@2"], group="first_time/"))
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    # The baseline has mrr@3 (1 + 1/2 + 1) / 3: u1 finds its first item, a, at rank 2.
    assert [line for line in lines if "overall" in line] == [
        ["overall", "3", "0.3333", "(-0.5000)", "0.7778", "(-0.0556)"],
        ["overall", "2", "0.7500", "(-0.2500)"],
    ]
    assert ["scene=shop", "0", "-"] in lines


def test_facts_about_items_come_from_the_catalogue(compared):
    # It lacks q, which u1 is shown among two.
    assert compared.report.slices[0].candidate["available_share@2"] == pytest.approx((1 + 1 / 2 + 1 + 1) / 4)


def test_the_notebooks_of_tfma_read_the_evaluation(compared):
    found = tfma.load_eval_result(compared.evaluation, model_name="candidate")
    assert found.get_metrics_for_slice()["recall@2"]["doubleValue"] == pytest.approx(1 / 3)
    assert tfma.load_validation_result(compared.evaluation).validation_ok


def test_a_model_within_floor_and_tolerance_is_blessed(verdict_of):
    # The floor holds overall only: in scene=shop the candidate's recall@2 is 0.
    assert verdict_of(floors={"recall@2": 0.3}, max_loss={"recall@2": 0.6}) == ["blessed"]


def test_a_model_below_a_floor_is_refused_with_the_reason(verdict_of):
    whole, reason, _ = verdict_of(floors={"recall@2": 0.4, "mrr@3": 0.5})
    assert (whole, reason) == ("not blessed:", "  recall@2 (overall) is 0.3333, below its floor of 0.4")


def test_a_model_worse_than_the_baseline_beyond_the_tolerance_is_refused_with_the_reason(verdict_of):
    whole, reason, advice = verdict_of(max_loss={"recall@2": 0.4, "first_time/recall@2": 0.3})
    # 1/3 - 5/6 = -0.5; the first-time metric lost 0.25 of the 0.3 that it may.
    assert (whole, reason) == (
        "not blessed:",
        "  recall@2 (overall) is 0.3333 against 0.8333 of the baseline: a difference of -0.5; -0.4 is the limit",
    )
    assert advice.startswith("    look at")


def test_slices_of_a_handful_of_requests_are_undecided(verdict_of):
    assert verdict_of(slice_max_loss={"recall@2": 0.1}) == [
        "blessed",
        "undecided:",
        "  slice_max_loss of recall@2, fewer requests than min_slice_requests: scene=home (-0.25); scene=shop (-1); "
        "shopper=new (-0.5); shopper=returning (-0.5)",
    ]


def test_a_first_model_is_blessed_although_there_is_no_baseline_to_compare_with(shop_config, tmp_path):
    config = shop_config(**SETTINGS, max_loss={"recall@2": 0.0}, floors={"recall@2": 0.3})
    found = evaluate(tmp_path, config, REQUESTS, CATALOGUE, CANDIDATE)
    assert report_table.verdict(found.report) == "blessed"
    assert found.report.slices[0].baseline == {}
    assert found.report.slices[0].candidate["recall@2"] == pytest.approx(1 / 3)
    # What Pusher and the choice of the next baseline read.
    assert [path.name for path in pathlib.Path(found.blessing.uri).iterdir()] == ["BLESSED"]
    assert found.blessing.get_int_custom_property("blessed") == 1
    assert found.blessing.get_int_custom_property("current_model_id") == MODEL_IDS["candidate"]
    assert not found.blessing.has_custom_property("baseline_model_id")


def test_a_model_judged_on_requests_without_answers_is_refused(shop_config, tmp_path):
    unanswered = [{name: request[name] for name in ("user_id", "scene", "shopper")} for request in REQUESTS]
    found = evaluate(tmp_path, shop_config(**SETTINGS), unanswered, CATALOGUE, CANDIDATE)
    assert report_table.verdict(found.report).splitlines()[:2] == [
        "not blessed:", "  requests (overall) is 0, below its floor of 1"
    ]  # fmt: skip
    assert [path.name for path in pathlib.Path(found.blessing.uri).iterdir()] == ["NOT_BLESSED"]


def test_a_model_judged_on_an_empty_split_is_refused(shop_config, tmp_path):
    found = evaluate(tmp_path, shop_config(**SETTINGS), [], CATALOGUE, CANDIDATE)
    assert [check.metric for check in found.report.refusals] == ["requests"]
    assert found.blessing.get_int_custom_property("blessed") == 0


def test_a_folder_without_an_evaluation_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        report.load_results(str(tmp_path))
