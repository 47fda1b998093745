"""Whole examples of small logs, worked out by hand."""

import math

import pytest
from requests_shop import DAY, PURCHASE, examples, make_events, make_settings, make_users

from pipeline.config import Head

FEW = {"bought_before": 1, "popular": 1, "random": 1}
PERIODIC = {"every": 4, "window_days": 4, "eval_days": 4}
HEADS = [
    PURCHASE,
    Head(name="click", events=["click"]),
    Head(name="spend", loss="squared_error", column="value"),
]


def test_an_example_of_a_periodic_request():
    # The log ends on day 20, so the evaluation begins on day 17, and requests stand on days 13 and 17.
    rows = [
        ("u", "a", 11 * DAY),
        ("u", "b", 12 * DAY),
        ("u", "b", 13 * DAY),
        ("u", "c", 16 * DAY),
        ("t", "a", 20 * DAY),
    ]
    events = make_events(rows, scene=["shop", "web", "app", None, None], store=["1", None, "3", "4", "5"])
    features = [("store", "context", "categorical"), ("age", "user", "categorical")]
    settings = make_settings(features=features, popularity_days=1, validation_share=0, **PERIODIC, **FEW)
    found = examples(events, settings, users=make_users(["u", "x"], age=["30s", "40s"]))
    (train,) = found["train"]
    assert train == {
        "user_id": ["u"],
        "timestamp": [13 * DAY],
        "shopper": ["returning"],
        "scene": ["web"],
        "context_store": [],
        "user_age": ["30s"],
        "history_item_ids": ["a", "b"],
        "history_timestamps": [11 * DAY, 12 * DAY],
        "history_events": ["purchase", "purchase"],
        "label_item_ids": ["b", "c"],
        "first_time_item_ids": ["c"],
        "candidate_item_ids": ["a", "b", "c"],
        "candidate_popularity": [0.0, 1.0, 0.0],  # b was taken on day 12
        "candidate_popularity_short": [0.0, 1.0, 0.0],  # a quarter of one day is still a day
        "candidate_popularity_long": [1.0, 1.0, 0.0],  # a on day 11, of 10 to 12
        "candidate_taken": [1.0, 1.0, 0.0],
        "candidate_repeats": [0.0, 0.0, 0.0],  # b is taken again in the answer, which is not known yet
        "candidate_repeat_days": [0.0, 0.0, 0.0],
        # All of the shopper's past is in; c could only have come by one draw from three items.
        "candidate_sampling_log_odds": [0.0, 0.0, pytest.approx(math.log(3))],
        "candidate_purchase": [0.0, 1.0, 1.0],
    }
    (judged,) = found["eval"]
    assert (judged["user_id"], judged["timestamp"], judged["shopper"]) == (["t"], [17 * DAY], ["new"])
    assert judged["scene"] == judged["context_store"] == judged["user_age"] == judged["history_item_ids"] == []
    assert judged["past_item_ids"] == []
    assert judged["first_time_item_ids"] == ["a"]


def test_heads_label_each_candidate_by_their_own_events_and_values():
    rows = [
        ("u", "a", 5, "view"),
        ("u", "a", 10, "purchase"),  # a: two purchases, of 2 and 4
        ("u", "a", 11, "purchase"),
        ("u", "b", 12, "click"),  # b: clicked, never bought, without a value
        ("u", "c", 13, "click"),  # c: clicked for 1, bought without a value
        ("u", "c", 14, "purchase"),
    ]
    events = make_events(rows, session_id=["s"] * 6, value=[9, 2, 4, None, 1, None])
    (request,) = examples(events, make_settings(HEADS, random=60), catalogue=["a", "b", "c", "d"])["eval"]
    assert request["timestamp"] == [5]
    assert request["label_item_ids"] == ["a", "c"]
    assert request["candidate_item_ids"] == ["a", "b", "c", "d"]
    assert request["candidate_purchase"] == [1, 0, 1, 0]
    assert request["candidate_click"] == [0, 1, 1, 0]
    spend = request["candidate_spend"]
    assert spend[0] == 3
    assert spend[2] == 1
    assert math.isnan(spend[1])
    assert math.isnan(spend[3])


def test_zero_is_a_value_to_learn_from():
    events = make_events([("u", "a", 10), ("u", "a", 10)], value=[0, None])
    (request,) = examples(events, make_settings(HEADS, **FEW))["eval"]
    assert request["candidate_spend"] == [0]


def test_first_time_looks_beyond_the_history_that_is_kept():
    rows = [("u", "a", 10), ("u", "b", 20), ("u", "a", 30), ("u", "c", 30)]
    last = examples(make_events(rows), make_settings(history_length=1))["eval"][-1]
    assert last["history_item_ids"] == ["b"]
    assert last["first_time_item_ids"] == ["c"]
    assert last["past_item_ids"] == ["a", "b"]


def test_a_view_before_does_not_make_an_item_taken():
    rows = [("u", "a", 10, "view"), ("u", "a", 20)]
    (request,) = examples(make_events(rows), make_settings(history_events=["view", "purchase"]))["eval"]
    assert request["history_events"] == ["view"]
    assert request["first_time_item_ids"] == ["a"]
    assert request["past_item_ids"] == []


def test_a_basket_carries_its_query_and_a_periodic_request_none():
    events = make_events(
        [("u", "a", 11 * DAY), ("u", "b", 18 * DAY), ("u", "b", 20 * DAY)], query=["milk", "tea", None]
    )
    baskets = [row for split in examples(events, make_settings()).values() for row in split]
    assert sorted(row["query"] for row in baskets) == [[], ["milk"], ["tea"]]
    (periodic,) = examples(events, make_settings(**PERIODIC))["eval"]
    assert "query" not in periodic


def test_a_basket_that_goes_on_into_the_evaluation_neither_trains_nor_judges():
    # The log ends on day 20; with one day of evaluation, that is the day.
    rows = [("u", "a", 18 * DAY), ("v", "a", 20 * DAY - 5), ("v", "b", 20 * DAY + 5), ("w", "a", 20 * DAY)]
    settings = make_settings(eval_days=1, validation_share=0)
    found = examples(make_events(rows, session_id=["1", "2", "2", "3"]), settings)
    assert [row["user_id"] for row in found["train"]] == [["u"]]
    assert [row["user_id"] for row in found["eval"]] == [["w"]]


def test_a_window_that_reaches_into_the_evaluation_does_not_train():
    # Periods end on days 17 (the evaluation), 15 and 13; the windows of 4 days reach to days 20, 18 and 16.
    rows = [("u", "a", day * DAY) for day in (11, 13, 15, 17, 20)]
    settings = make_settings(every=2, window_days=4, eval_days=4, validation_share=0)
    found = examples(make_events(rows), settings)
    assert [row["timestamp"] for row in found["train"]] == [[13 * DAY]]
    assert [row["timestamp"] for row in found["eval"]] == [[17 * DAY]]


@pytest.mark.parametrize(("share", "validating"), [(0, 0), (1, 30)])
def test_the_share_of_shoppers_that_validate(share, validating):
    rows = [(f"u{n}", "a", 10 * DAY) for n in range(30)] + [("t", "a", 50 * DAY)]
    found = examples(make_events(rows), make_settings(validation_share=share))
    assert (len(found["validation"]), len(found["train"])) == (validating, 30 - validating)


def test_about_the_configured_share_of_shoppers_validates():
    rows = [(f"u{n}", "a", 10 * DAY) for n in range(2000)] + [("t", "a", 50 * DAY)]
    found = examples(make_events(rows), make_settings(validation_share=0.2, **FEW))
    assert abs(len(found["validation"]) - 400) < 5 * math.sqrt(2000 * 0.2 * 0.8)


def test_numeric_profiles_come_as_numbers_and_are_missing_for_strangers():
    users = make_users(["u"]).append_column("age", [[31.5]])
    settings = make_settings(features=[("age", "user", "numeric")])
    found = examples(make_events([("u", "a", 10), ("v", "a", 10)]), settings, users=users)["eval"]
    assert [row["user_age"] for row in found] == [[31.5], []]


def test_a_large_shard_is_cut_into_tables_without_losing_a_request():
    rows = [("u", "ab"[n % 2], n) for n in range(4100)]
    found = examples(make_events(rows), make_settings(history_length=1, **FEW))["eval"]
    assert [row["timestamp"][0] for row in found] == list(range(4100))
    assert found[4096]["history_timestamps"] == [4095]


@pytest.mark.parametrize(("warm_up_days", "moments"), [(0, [12, 14, 16]), (4, [14, 16]), (5, [16])])
def test_requests_of_the_warm_up_do_not_train(warm_up_days, moments):
    # The log begins on day 10; periods end on even days up to 18, when the evaluation starts.
    rows = [("u", "a", day * DAY) for day in range(10, 20)]
    settings = make_settings(every=2, window_days=2, eval_days=2, validation_share=0, warm_up_days=warm_up_days)
    found = examples(make_events(rows), settings)
    assert [row["timestamp"] for row in found["train"]] == [[day * DAY] for day in moments]
    assert [row["timestamp"] for row in found["eval"]] == [[18 * DAY]]
