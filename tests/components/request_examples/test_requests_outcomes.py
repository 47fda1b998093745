"""What judging requests carry of what came after them, worked out by hand, and that nothing else carries it."""

import collections

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_shop import DAY, PURCHASE, examples, make_events, make_settings

from components.request_examples import outcomes
from models.settings import TransformSettings
from pipeline.config_funnel import Funnel
from schemas import signatures
from schemas.request_example import OUTCOME

NOON = 20 * DAY + DAY // 2
# Two visits on the evaluation's only day: one that ends in a purchase, and one that comes to nothing.
VISITS = [
    # user, item, time, event, session, propensity, dwell, value
    ("u", "a", NOON, "impression", "s1", 0.5, None, 9.0),
    ("u", "b", NOON, "impression", "s1", 0.25, None, None),
    ("u", "a", NOON + 5, "click", "s1", None, 30.0, None),
    ("u", "a", NOON + 7, "impression", "s1", 0.2, None, None),
    ("u", "b", NOON + 7, "impression", "s1", None, None, None),  # shown, but nobody knows how likely
    ("u", "a", NOON + 9, "purchase", "s1", None, None, 4.0),
    ("u", "a", NOON + 9, "purchase", "s1", None, 2.5, 1.5),
    ("u", "c", NOON + 10, "view", "s1", None, 12.0, 7.0),
    ("u", "d", NOON + 99, "impression", "s2", 0.1, None, None),
]


def shop(rows, **settings_):
    names = ("session_id", "propensity", "dwell_seconds", "value")
    rows = [("t", "a", 18 * DAY, "purchase", "s0", None, None, None), *rows]
    values = dict(zip(names, map(list, zip(*(row[4:] for row in rows), strict=True)), strict=True))
    return examples(
        make_events([row[:4] for row in rows], **values),
        make_settings(**{"eval_days": 1, **settings_}),
        catalogue=list("abcd"),
    )


def judging(rows, **settings_):
    return [row for row in shop(rows, **settings_)["eval"] if row["user_id"] == ["u"]]


def test_a_visit_carries_all_that_was_done_with_each_item():
    bought, _ = judging(VISITS)
    assert bought["label_item_ids"] == ["a"]
    assert bought["outcome_item_ids"] == ["a", "c"]
    assert bought["outcome_clicks"] == [1, 0]
    assert bought["outcome_conversions"] == [2, 0]
    assert bought["outcome_revenue"] == [5.5, 0]  # the value of a view, or of an impression, is no money
    assert bought["outcome_dwell_seconds"] == [32.5, 12]
    assert bought["outcome_sessions"] == [1]
    assert bought["outcome_impressions"] == [4]
    assert bought["outcome_interactions"] == [2]  # a click and a view


def test_a_visit_carries_what_was_shown_with_its_propensity_and_what_it_led_to():
    bought, _ = judging(VISITS)
    assert bought["logged_item_ids"] == ["a", "b", "a"]
    assert bought["logged_propensities"] == [0.5, 0.25, 0.2]
    assert bought["logged_rewards"] == [1, 0, 0]  # a's second impression came after the click
    assert bought["logged_lists"] == [2]  # one of two items, and seconds later one of one


def test_purchases_may_be_the_reward():
    bought, _ = judging(VISITS, funnel=Funnel(reward="conversions"))
    assert bought["logged_rewards"] == [0, 0, 1]


def test_a_reward_in_another_session_is_owed_to_nobody():
    later = [*VISITS[:2], ("u", "b", NOON + 9, "click", "s2", None, None, None)]
    assert [row["logged_rewards"] for row in judging(later)] == [[0, 0]]


def test_visits_that_came_to_nothing_judge_but_neither_train_nor_count_without_an_impression():
    _, left = judging(VISITS)
    assert left["label_item_ids"] == left["outcome_item_ids"] == []
    assert (left["logged_item_ids"], left["logged_rewards"]) == (["d"], [0])
    before = [(*row[:2], row[2] - DAY, *row[3:]) for row in VISITS]
    found = shop([*before, ("u", "b", NOON, "view", "s3", None, None, None)], validation_share=0)
    assert [row["user_id"] for row in found["train"]] == [["t"], ["u"]]
    assert found["train"][1]["label_item_ids"] == ["a"]
    assert found["eval"] == []


def test_a_periodic_request_carries_its_whole_window():
    (row,) = judging(VISITS, every=1, window_days=1)
    assert (row["outcome_sessions"], row["outcome_impressions"], row["logged_lists"]) == ([2], [5], [3])
    assert row["logged_item_ids"] == ["a", "b", "a", "d"]
    assert row["outcome_revenue"] == [5.5, 0]


def test_a_log_without_the_columns_carries_no_columns():
    (row,) = examples(make_events([("u", "a", NOON), ("u", "b", NOON)]), make_settings())["eval"]
    assert row["outcome_conversions"] == [1, 1]
    assert not {"outcome_revenue", "outcome_dwell_seconds", "logged_item_ids", "logged_lists"} & row.keys()


def test_what_a_log_has_is_counted():
    assert outcomes.counts(pa.Table.from_pylist(judging(VISITS))) == {
        "impressions": 2, "clicks": 1, "conversions": 1, "interactions": 1, "revenue": 1, "dwell_seconds": 2,
        "propensities": 4,
    }  # fmt: skip
    train = shop([(*row[:2], row[2] - DAY, *row[3:]) for row in VISITS], validation_share=0)["train"]
    assert outcomes.counts(pa.Table.from_pylist(train)) == {}


def test_no_model_can_be_asked_with_an_outcome():
    asked = TransformSettings(features=[], heads=[PURCHASE], history_kinds=["purchase"])
    taken = {name for inputs in signatures.all_inputs(asked).values() for name in inputs}
    assert "history_item_ids" in taken
    assert not OUTCOME.keys() & taken


EVENTS = st.tuples(
    st.sampled_from(["ann", "bob"]),
    st.sampled_from("abcd"),
    st.integers(15 * DAY, 21 * DAY - 1).map(lambda time: time // 3600 * 3600),
    st.sampled_from(["impression", "click", "purchase", "view"]),
    st.sampled_from([None, "s1", "s2"]),
    st.sampled_from([None, 0.5]),
    st.sampled_from([None, 1.0, 3.0]),
    st.sampled_from([None, 2.0, 4.0]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=30), st.sampled_from(["basket", 2]))
def test_outcomes_are_those_of_the_evaluation_counted_one_by_one_and_stand_nowhere_else(log, every):
    last = ("t", "a", 20 * DAY, "view", None, None, None, None)
    found = shop([*log, last], every=every, window_days=2, eval_days=2, validation_share=0.5)
    assert not any(OUTCOME.keys() & row.keys() for split in ("train", "validation") for row in found[split])
    known = [row for row in found["eval"] if row["user_id"] != ["t"]]
    if every != "basket":
        for row in known:
            events = [event for event in log if [event[0]] == row["user_id"] and event[2] >= 19 * DAY]
            bought = collections.Counter(event[1] for event in events if event[3] == "purchase")
            paid = collections.Counter()
            for event in events:
                paid[event[1]] += (event[7] or 0.0) * (event[3] == "purchase")
            items = sorted({event[1] for event in events if event[3] != "impression"})
            assert row["outcome_item_ids"] == items
            assert row["outcome_conversions"] == [bought[item] for item in items]
            assert row["outcome_revenue"] == [paid[item] for item in items]
            assert row["outcome_impressions"] == [sum(event[3] == "impression" for event in events)]
            assert row["outcome_sessions"] == [len({event[4] or event[2] for event in events})]
            assert len(row["logged_item_ids"]) == sum(e[3] == "impression" and e[5] is not None for e in events)
    for row in known:
        assert row["label_item_ids"] or row["outcome_impressions"][0]
        assert sum(row["logged_rewards"]) <= sum(row["outcome_clicks"])


@pytest.mark.parametrize("every", ["basket", 1])
def test_what_visits_came_to_changes_neither_the_model_s_questions_nor_what_trains(every):
    other = [
        ("u", "c", NOON, "impression", "s1", 0.9, None, None),
        ("u", "c", NOON + 1, "purchase", "s1", None, None, 8.0),
    ]
    ours, theirs = (shop(rows, every=every, window_days=1, validation_share=0) for rows in (VISITS[:7], other))
    assert ours["train"] == theirs["train"]
    asked = (
        "user_id",
        "timestamp",
        "shopper",
        "history_item_ids",
        "history_timestamps",
        "history_events",
        "past_item_ids",
    )
    assert [[row[name] for name in asked] for row in ours["eval"]] == [
        [row[name] for name in asked] for row in theirs["eval"]
    ]
