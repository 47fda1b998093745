"""The judge against figures worked out by hand."""

import math

import numpy as np
import pytest
from small_problem import problem

from benchmarks.quality import lists
from benchmarks.quality.answer import Answer, BadAnswer, Report, check
from benchmarks.quality.judge import judge, metrics_of_list

REPORT = Report(
    method="m",
    library="l",
    parameters={},
    training_seconds=None,
    inference_seconds_a_user=0.0,
    peak_memory_mib=None,
)
ALL = {"ann": ["milk", "beer", "cheese"], "bob": ["wine", "milk"]}


def test_the_metrics_of_one_list():
    # Hits at ranks 1 and 3 of 3 relevant items.
    found = metrics_of_list(["a", "x", "b"], {"a", "b", "c"}, ["ndcg@10", "precision@10", "recall@10", "map@10"])
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert found == pytest.approx(
        {"ndcg@10": 1.5 / ideal, "precision@10": 0.2, "recall@10": 2 / 3, "map@10": (1 / 1 + 2 / 3) / 3}
    )


def test_precision_and_map_look_at_ten_places_only():
    eleventh = [f"x{i}" for i in range(10)] + ["a"]
    assert metrics_of_list(eleventh, {"a"}, ["precision@10", "map@10"]) == {"precision@10": 0.0, "map@10": 0.0}


def test_every_user_counts_once_in_order_and_one_without_a_list_counts_as_nothing_found():
    found = judge(Answer(REPORT, {"all": ALL}), problem())
    # ann: milk first and cheese third of two relevant; bob: milk second; cid was asked for and got no list.
    ann = (1 + 1 / 2) / (1 + 1 / math.log2(3))
    assert found["ndcg@10"] == pytest.approx([ann, 1 / math.log2(3), 0.0])
    assert found["recall@50"] == pytest.approx([1.0, 1.0, 0.0])


def test_first_time_items_are_judged_for_those_who_took_one():
    answer = Answer(REPORT, {"all": ALL, "first_time": {"ann": ["beer", "cheese"], "cid": ["beer"]}})
    # New to ann is cheese, second in her list; nothing new was relevant to bob; beer is new to cid.
    assert judge(answer, problem())["first_time/ndcg@10"] == pytest.approx([1 / math.log2(3), 1.0])


def test_what_a_method_does_not_answer_has_no_figure():
    assert "first_time/ndcg@10" not in judge(Answer(REPORT, {"all": ALL}), problem())


def test_properties_of_lists():
    found = lists.properties(ALL, problem())
    # ann: milk and cheese are dairy, beer has no category: 2 of 3 pairs differ. bob: wine (none) and milk differ.
    assert found["diversity@10"] == pytest.approx([2 / 3, 1.0])
    # Both of the 2 users took milk: 0 bits; beer, cheese and wine were taken by nobody, counted as one of 2: 1 bit.
    assert found["novelty@10"] == pytest.approx([2 / 3, 1 / 2])
    # New to ann: beer and cheese of 3; new to bob: wine of 2.
    assert found["new@10"] == pytest.approx([2 / 3, 1 / 2])


def test_items_without_a_category_are_alike():
    assert lists.properties({"ann": ["beer", "wine"]}, problem())["diversity@10"] == pytest.approx([0.0])


def test_a_list_of_one_item_has_no_diversity():
    assert lists.properties({"ann": ["beer"], "bob": ["milk", "beer"]}, problem())["diversity@10"].tolist() == [1.0]


def test_coverage_is_of_what_was_ever_taken():
    assert lists.coverage(ALL, problem()) == 0.5  # milk of milk and bread; cheese, beer and wine were never taken
    eleventh = ["cheese"] * 10 + ["bread"]
    assert lists.coverage({"ann": eleventh}, problem()) == 0.0


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"all": {"eve": ["milk"]}}, "eve: the problem does not ask"),
        ({"all": {"ann": ["milk", "milk"]}}, "each once"),
        ({"all": {"ann": [str(i) for i in range(101)]}}, "up to 100 items"),
        ({"all": {"ann": ["soap"]}}, "soap, which the catalogue lacks"),
        ({"all": {}, "first_time": {"ann": ["beer", "milk"]}}, "holds milk, which the user took before"),
    ],
)
def test_lists_that_break_the_rules_are_refused(answers, message):
    with pytest.raises(BadAnswer, match=message):
        check(Answer(REPORT, answers), problem())


def test_without_repeats_a_list_must_not_hold_what_was_seen():
    answer = Answer(REPORT, {"all": {"bob": ["milk"]}})
    check(answer, problem())
    with pytest.raises(BadAnswer, match="took before"):
        check(answer, problem(repeats=False))


def test_users_are_paired_across_methods_whatever_the_order_of_their_answers():
    backwards = dict(reversed(ALL.items()))
    one, other = (judge(Answer(REPORT, {"all": by_user}), problem())["ndcg@10"] for by_user in (ALL, backwards))
    assert np.array_equal(one, other)
