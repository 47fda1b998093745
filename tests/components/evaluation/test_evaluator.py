"""The metrics and the gate inside TFX's own Evaluator, over exported SavedModels."""

import io
import math
import pathlib

import pytest
import tensorflow_model_analysis as tfma
from rich.console import Console
from toy_evaluation import MODEL_IDS, evaluate

from components.evaluation import report, report_table, verdict_text
from components.evaluation.judge import judge
from components.evaluation.report import EvaluationReport
from components.evaluation.slices import SliceMetrics, slice_name
from components.evaluation.verdict import Verdict
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
CATALOGUE = [
    {"item_id": [item], "item_popularity": [1.0], "item_available": [1], "item_brand": ["own" if item in "ab" else "x"]}
    for item in "abcdepz"
]
# Candidates of two of the requests, of which a and p were taken, but nothing is known of e.
CANDIDATES = {
    0: {"candidate_item_ids": ["a", "b", "c"], "candidate_purchase": [1.0, 0.0, 0.0],
        "candidate_sampling_log_odds": [0.0, 0.0, math.log(3)]},
    1: {"candidate_item_ids": ["p", "a", "e", "b"], "candidate_purchase": [1.0, 0.0, math.nan, 0.0],
        "candidate_sampling_log_odds": [0.0, 0.0, 0.0, 0.0]},
}  # fmt: skip
PREDICTED = {"a": 0.75, "b": 0.5, "c": 0.25, "p": 0.625, "e": 0.125}
BRAND = {"name": "brand", "role": "item", "kind": "categorical"}
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


def test_the_table_shows_the_values_of_a_slice_as_they_are():
    found = SliceMetrics((("store", "[/north]"),), {"requests": 3.0, "mrr@3": 0.5}, {})
    console = Console(width=80, file=io.StringIO())
    console.print(report_table.metrics_table(EvaluationReport([found], Verdict(checks=[])), ["mrr@3"]))
    assert "store=[/north]" in console.file.getvalue()


def test_facts_about_items_come_from_the_catalogue(compared):
    # It lacks q, which u1 is shown among two.
    assert compared.report.slices[0].candidate["available_share@2"] == pytest.approx((1 + 1 / 2 + 1 + 1) / 4)


@pytest.fixture(scope="module")
def predicting(shop_config, tmp_path_factory):
    """A candidate whose heads predict, against a baseline that only makes lists, as older versions did."""
    requests = [request | CANDIDATES.get(place, {}) for place, request in enumerate(REQUESTS)]
    config = shop_config([BRAND], **SETTINGS, exposure=["brand"], max_loss={"purchase/auc": 0.1})
    root = tmp_path_factory.mktemp("predicting")
    return evaluate(root, config, requests, CATALOGUE, CANDIDATE, BASELINE, predictions=(PREDICTED, None))


def test_heads_are_judged_by_the_candidates_of_the_requests_that_have_some(predicting):
    overall, home, shop = predicting.report.slices[:3]
    # u0: a above b and c; u1: p below a, above b, e aside.
    assert overall.candidate["purchase/auc"] == pytest.approx((1 + 1 / 2) / 2)
    # The odds of c, 1/3, are 1 with what sampling added: .75 + .5 + .5 of u0 and .625 + .75 + .5 of u1.
    assert overall.candidate["purchase/calibration"] == pytest.approx(3.625 / 2)
    chances = [0.75, 1 - 0.5, 1 - 0.5, 0.625, 1 - 0.75, 1 - 0.5]
    assert overall.candidate["purchase/log_loss"] == pytest.approx(-sum(map(math.log, chances)) / 6)
    # Bins of .5 (three of them, none taken), of .6 to .7 (taken) and of .7 to .8 (two, one taken).
    assert overall.candidate["purchase/calibration_error"] == pytest.approx((3 * 0.5 + 0.375 + 0.5) / 6)
    assert home.candidate["purchase/auc"] == overall.candidate["purchase/auc"]
    assert math.isnan(shop.candidate["purchase/auc"])


def test_what_an_older_baseline_cannot_predict_is_nothing_to_lose_to(predicting):
    assert math.isnan(predicting.report.slices[0].baseline["purchase/auc"])
    assert report_table.verdict(predicting.report).splitlines() == [
        "blessed",
        "undecided:",
        "  max_loss of purchase/auc, the baseline has no value: overall",
    ]


def test_a_head_that_predicts_too_much_is_refused_with_where_to_look(predicting):
    [_, check] = judge(predicting.report.slices, Gates(ceilings={"purchase/calibration": 1.5})).checks
    assert check.outcome == "refused"
    assert check.value == pytest.approx(29 / 16)  # predicted 1.5 + 0.625 + 1.5 where 2 were taken
    assert verdict_text.describe(check) == (
        f"purchase/calibration (overall) is {check.value:.4g}, above its ceiling of 1.5"
    )
    assert "the calibration plot" in verdict_text.advice(check)


def test_two_models_that_predict_are_told_apart(shop_config, tmp_path):
    requests = [request | CANDIDATES.get(place, {}) for place, request in enumerate(REQUESTS)]
    reversed_ = {letter: 1 - chance for letter, chance in PREDICTED.items()}
    found = evaluate(
        tmp_path, shop_config(**SETTINGS), requests, CATALOGUE, CANDIDATE, BASELINE, predictions=(PREDICTED, reversed_)
    ).report.slices[0]
    assert (found.candidate["purchase/auc"], found.baseline["purchase/auc"]) == pytest.approx((3 / 4, 1 / 4))
    assert found.measured("purchase/auc").change == pytest.approx(1 / 2)


def test_the_calibration_of_a_head_is_plotted_by_tfma_and_read_back(predicting):
    plots = tfma.load_eval_result(predicting.evaluation, model_name="candidate").plots
    [overall] = [found for key, found in plots if key == ()]
    assert str(overall).count("upperThresholdExclusive") == 10
    [calibration] = predicting.report.calibration
    assert calibration.head == "purchase"
    assert [(each.count, each.predicted, each.happened) for each in calibration.bins if each.count] == [
        (3, pytest.approx(1.5), 0),
        (1, pytest.approx(0.625), 1),
        (2, pytest.approx(1.5), 1),
    ]


def test_exposure_of_a_feature_is_held_against_what_shoppers_take(predicting):
    # In two places the candidate shows a, b; p; p; c, d, of which 2 of 6 are of the shop's own brand (q is unknown).
    # Taken were a, z; p, a; e, of which 2 of 5 are.
    overall = predicting.report.slices[0]
    assert overall.candidate["brand/disparity@2"] == pytest.approx(2 / 5 - 2 / 6)
    assert overall.candidate["brand/least_exposure@2"] == pytest.approx((2 / 6) / (2 / 5))
    # Of the baseline: z, a; a; nothing; e.
    assert overall.baseline["brand/least_exposure@2"] == pytest.approx((2 / 4) / (3 / 5))


def test_likeness_within_lists_is_by_the_embeddings_of_the_candidate(predicting):
    # u0's a and b share a point of the compass, u3's c and d are at a right angle; q is unknown, which leaves no pair.
    overall = predicting.report.slices[0]
    assert overall.candidate["embedding_diversity@2"] == pytest.approx(1 / 2, abs=1e-3)
    # The baseline, which embeds nothing, shows z and a: two turns and one point, so the same one.
    assert overall.baseline["embedding_diversity@2"] == pytest.approx(0.0, abs=1e-3)
    assert not list(pathlib.Path(predicting.evaluation).glob("*.npy"))


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
