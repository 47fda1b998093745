"""Models that a shop must not serve, each refused for what is wrong with it, and an honest one that is not."""

import functools

import pytest
import tensorflow_model_analysis as tfma
from toy_evaluation import MODEL_IDS, evaluate

from components.evaluation import report_table, verdict_text
from components.evaluation.judge import judge
from components.evaluation.report import EvaluationReport
from pipeline.config_evaluation import Gates

BRAND = {"name": "brand", "role": "item", "kind": "categorical"}
SHOPPERS = range(120)
POPULAR, RARE = [f"p{i}" for i in range(4)], [f"r{i}" for i in range(40)]
NEW_EVERY = 12  # ten new shoppers

SMALL = RARE[30:]  # the items of a small brand, an eighth of what is taken

# Four items make 200 of 240 takings; the others are rare. One item is no longer offered.
CATALOGUE = [
    *({"item_id": [item], "item_popularity": [50.0], "item_available": [1]} for item in POPULAR),
    *(
        {
            "item_id": [item],
            "item_popularity": [1.0],
            "item_available": [1],
            "item_brand": ["small" if item in SMALL else "large"],
        }
        for item in RARE
    ),
    {"item_id": ["gone"], "item_popularity": [0.0], "item_available": [0]},
]
GATES = {
    "cutoffs": [4],
    "slices": [["shopper"]],
    "exposure": ["brand"],
    "floors": {"available_share@4": 1, "rare_share@4": 0.3, "brand/least_exposure@4": 0.5},
    "ceilings": {"recall@4": 0.9},
    "max_loss": {"mrr@4": 0.05, "rare_recall@4": 0.1},
    "slice_max_loss": {"mrr@4": 0.1},
    "max_gap": {"shopper": {"mrr@4": 0.3}},
    "min_slice_requests": 10,
    "resamples": 100,
}


def _popular(shopper: int, shift: int = 0) -> str:
    return POPULAR[(shopper + shift) % len(POPULAR)]


def _rare(shopper: int, shift: int = 0) -> str:
    return RARE[(shopper + shift) % len(RARE)]


def _is_new(shopper: int) -> bool:
    return shopper % NEW_EVERY == 0


def _requests() -> list[dict[str, list[str]]]:
    """Each shopper takes one popular and one rare item."""
    return [
        {
            "user_id": [f"u{shopper}"],
            "shopper": ["new" if _is_new(shopper) else "returning"],
            "label_item_ids": [_popular(shopper), _rare(shopper)],
        }
        for shopper in SHOPPERS
    ]


def _honest(shopper: int, blunder: int = 1) -> list[str]:
    """Finds the popular item, to every tenth shopper as its second, and the rare one for every other shopper."""
    popular = [_popular(shopper), _popular(shopper, 1)]
    rare = [_rare(shopper, shopper % 2), _rare(shopper, 7)]
    return (popular[::-1] if shopper % 10 == blunder else popular) + rare


def _forgets_rare_items(shopper: int) -> list[str]:
    return [_popular(shopper, shift) for shift in range(4)]


def _is_worse_for_new_shoppers(shopper: int) -> list[str]:
    first, second, *rest = _honest(shopper)
    return [second, first, *rest] if _is_new(shopper) else [first, second, *rest]


def _returns_unavailable_items(shopper: int) -> list[str]:
    return [*_honest(shopper)[:3], "gone"]


def _leaves_a_brand_out(shopper: int) -> list[str]:
    return [RARE[shopper % 30] if item in SMALL else item for item in _honest(shopper)]


def _knows_the_labels(shopper: int) -> list[str]:
    return [_popular(shopper), _rare(shopper), _popular(shopper, 1), _rare(shopper, 7)]


@pytest.fixture(scope="module")
def judge_model(shop_config, tmp_path_factory):
    """Evaluates a way to recommend against the honest model of the run before."""

    @functools.cache
    def run(recommend):
        return evaluate(
            tmp_path_factory.mktemp("evaluated"),
            shop_config([BRAND], **GATES),
            _requests(),
            CATALOGUE,
            [recommend(shopper) for shopper in SHOPPERS],
            [_honest(shopper, blunder=3) for shopper in SHOPPERS],
        )

    return run


def _refused(evaluated) -> dict[tuple[str, str], str]:
    """What was refused, by gate and metric, in words with advice."""
    assert evaluated.blessing.get_int_custom_property("blessed") == 0
    assert not tfma.load_validation_result(evaluated.evaluation).validation_ok
    return {
        (check.gate, check.metric): f"{verdict_text.describe(check)}; {verdict_text.advice(check)}"
        for check in evaluated.report.refusals
    }


def test_an_honest_model_is_blessed(judge_model):
    evaluated = judge_model(_honest)
    assert report_table.verdict(evaluated.report).splitlines()[0] == "blessed"
    assert evaluated.report.undecided == []
    assert {check.gate for check in evaluated.report.verdict.checks} == {
        "requests", "floors", "ceilings", "max_loss", "slice_max_loss", "max_gap"
    }  # fmt: skip
    assert evaluated.blessing.get_int_custom_property("blessed") == 1
    assert evaluated.blessing.get_int_custom_property("current_model_id") == MODEL_IDS["candidate"]
    assert evaluated.blessing.get_int_custom_property("baseline_model_id") == MODEL_IDS["baseline"]
    assert tfma.load_validation_result(evaluated.evaluation).validation_ok


def test_a_model_that_forgot_rare_items_is_refused_for_them(judge_model):
    refused = _refused(judge_model(_forgets_rare_items))
    # Its first item is right for every shopper, so that by mrr alone it would be the better model.
    brand = ("floors", "brand/least_exposure@4")  # whose items are all rare
    assert refused.keys() == {("floors", "rare_share@4"), ("max_loss", "rare_recall@4"), brand}
    del refused[brand]
    assert "rare_share@4 (overall) is 0 [0, 0], below its floor of 0.3" in refused["floors", "rare_share@4"]
    assert "is 0 against 0.5 of the baseline" in refused["max_loss", "rare_recall@4"]
    assert all("look at serving.popular" in text for text in refused.values())


def test_a_model_that_is_worse_only_for_new_shoppers_is_refused_for_them(judge_model):
    refused = _refused(judge_model(_is_worse_for_new_shoppers))
    # Ten of 120 lose half of their mrr: .042 overall, which is within the tolerance.
    assert refused.keys() == {("slice_max_loss", "mrr@4"), ("max_gap", "mrr@4")}
    assert "mrr@4 (shopper=new) is 0.5 against 1 of the baseline" in refused["slice_max_loss", "mrr@4"]
    assert "mrr@4 (shopper=new) is 0.5 against 0.9455 of shopper=returning" in refused["max_gap", "mrr@4"]
    assert all("look at what these requests share" in text for text in refused.values())


def test_a_model_that_returns_unavailable_items_is_refused_for_them(judge_model):
    refused = _refused(judge_model(_returns_unavailable_items))
    assert refused.keys() == {("floors", "available_share@4")}
    assert "is 0.75 [0.75, 0.75], below its floor of 1" in refused["floors", "available_share@4"]
    assert "which items have `available`" in refused["floors", "available_share@4"]


def test_a_model_that_leaves_a_brand_out_is_refused_for_its_exposure(judge_model):
    refused = _refused(judge_model(_leaves_a_brand_out))
    # It finds the popular items as ever, and of the rare ones an eighth less: within the tolerance.
    assert refused.keys() == {("floors", "brand/least_exposure@4")}
    text = refused["floors", "brand/least_exposure@4"]
    assert "brand/least_exposure@4 (overall) is 0, below its floor of 0.5" in text
    assert "which values are shown less than they are taken" in text


def test_a_model_trained_on_leaked_labels_is_refused_as_suspiciously_good(judge_model):
    refused = _refused(judge_model(_knows_the_labels))
    assert refused.keys() == {("ceilings", "recall@4")}
    assert (
        "recall@4 (overall) is 1 [1, 1], above its ceiling of 0.9; suspiciously good" in refused["ceilings", "recall@4"]
    )


def test_a_loss_in_a_slice_too_small_to_tell_refuses_nothing_and_is_reported(judge_model):
    slices = judge_model(_is_worse_for_new_shoppers).report.slices
    lenient = Gates(**{name: GATES[name] for name in ("slice_max_loss", "max_gap")}, min_slice_requests=11)
    assert report_table.verdict(EvaluationReport(slices, judge(slices, lenient))).splitlines() == [
        "blessed",
        "undecided:",
        "  slice_max_loss of mrr@4, fewer requests than min_slice_requests: shopper=new (-0.5 [-0.5, -0.5])",
        "  max_gap of mrr@4, fewer requests than min_slice_requests: shopper=new",
        "  max_gap of mrr@4, no two slices can be compared: shopper=*",
    ]
