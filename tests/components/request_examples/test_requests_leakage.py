"""Nothing that happens at or after a request's moment may be known to it, whatever the log looks like."""

import collections

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_shop import DAY, PURCHASE, examples, know, make_events, make_settings, make_users, statistics_of

from components.request_examples import tables
from pipeline.config import Head
from schemas.statistics import STATISTICS

FIRST_DAY, LAST_DAY = 10, 24
USERS = ["ann", "bob", "cid"]
ITEMS = [f"i{n}" for n in range(6)]
FEATURES = [
    ("store", "context", "categorical"),
    ("context_price", "context", "numeric"),
    ("age", "user", "categorical"),
]
HEADS = [PURCHASE, Head(name="click", events=["click"]), Head(name="spend", loss="squared_error", column="value")]
COLUMNS = ("session_id", "scene", "query", "store", "context_price", "value")
PROFILES = make_users(["ann", "bob"], age=["30s", None])
# Of another shopper, and no answer: fixes the log's last day, so that logs which differ are cut at the same moments.
ANCHOR = ("zoe", "i0", LAST_DAY * DAY, "view", *[None] * len(COLUMNS))

_maybe = lambda *values: st.sampled_from([None, *values])  # noqa: E731
moment_of_day = st.sampled_from([0, 1, DAY // 2, DAY - 1])
moments = st.builds(lambda day, second: day * DAY + second, st.integers(FIRST_DAY, LAST_DAY), moment_of_day)
event_rows = st.tuples(
    st.sampled_from(USERS),
    st.sampled_from(ITEMS),
    moments,
    st.sampled_from(["purchase", "purchase", "click", "view"]),
    _maybe("s1", "s2", "s3"),
    _maybe("web", "app"),
    _maybe("milk", "tea"),
    _maybe("1", "2"),
    _maybe(0.0, 2.5),
    _maybe(0.0, 4.0),
)
logs = st.lists(event_rows, min_size=1, max_size=40)
ways = st.fixed_dictionaries(
    {
        "every": st.one_of(st.just("basket"), st.integers(1, 5)),
        "window_days": st.integers(1, 5),
        "eval_days": st.integers(1, 5),
        "validation_share": st.sampled_from([0.0, 0.5]),
        "history_length": st.integers(1, 4),
        "history_events": st.sampled_from([[], ["view", "purchase"]]),
        "popularity_days": st.integers(1, 6),
        "positives": st.integers(1, 3),
        "bought_before": st.integers(1, 3),
        "popular": st.integers(1, 3),
        "random": st.integers(1, 3),
    }
)
present = st.sets(st.sampled_from(COLUMNS[:3]))  # the optional columns that nothing declares


def ask(log, way, columns, shards=None):
    """All examples of a log, by split."""
    rows = [*log, ANCHOR, ("zoe", "i0", FIRST_DAY * DAY, "purchase", *ANCHOR[4:])]
    values = dict(zip(COLUMNS, map(list, zip(*(row[4:] for row in rows), strict=True)), strict=True))
    values = {name: column for name, column in values.items() if name in columns or name not in COLUMNS[:3]}
    asked = make_settings(HEADS, FEATURES, **way)
    return examples(make_events([row[:4] for row in rows], **values), asked, PROFILES, ITEMS, shards)


def all_of(found):
    return [(split, row) for split, rows in found.items() for row in rows]


def taken_by(log, user):
    return [(time, item) for u, item, time, kind, *_ in log if u == user and kind == "purchase"]


def frozen(row, names):
    """Some columns of an example as a value that can be compared and counted; NaN equals NaN."""
    return tuple((name, repr(row.get(name))) for name in sorted(names))


def statistics(row):
    """Those of each candidate of an example, by item."""
    columns = {name: row[f"candidate_{name}"] for name in STATISTICS}
    return {
        item: {name: values[place] for name, values in columns.items()}
        for place, item in enumerate(row["candidate_item_ids"])
    }


HISTORY = ("user_id", "timestamp", "shopper", "history_item_ids", "history_timestamps", "history_events", "user_age")
CIRCUMSTANCES = ("scene", "query", "context_store", "context_context_price")


@settings(max_examples=100, deadline=None)
@given(logs, ways, present)
def test_each_request_knows_the_past_and_nothing_else(log, way, columns):
    kinds = way["history_events"] or ["purchase"]
    for split, row in all_of(ask(log, way, columns)):
        (user,), (time,) = row["user_id"], row["timestamp"]
        if user == "zoe":
            continue
        past = sorted((t, i, kind) for u, i, t, kind, *_ in log if u == user and kind in kinds and t < time)
        history = list(zip(row["history_timestamps"], row["history_item_ids"], row["history_events"], strict=True))
        assert row["history_timestamps"] == [t for t, *_ in past][-way["history_length"] :]
        assert not collections.Counter(history) - collections.Counter(past)
        assert row["shopper"] == ["returning" if past else "new"]

        before = {item for t, item in taken_by(log, user) if t < time}
        assert row["first_time_item_ids"] == [item for item in row["label_item_ids"] if item not in before]
        assert row.get("past_item_ids") == (sorted(before) if split == "eval" else None)

        takings = [event[:3] for event in [*log, ("zoe", "i0", FIRST_DAY * DAY, "purchase")] if event[3] == "purchase"]
        for item, found in statistics(row).items():
            assert found == pytest.approx(statistics_of(takings, item, time, way["popularity_days"]))


@settings(max_examples=100, deadline=None)
@given(logs, ways, present)
def test_answers_start_with_the_request_and_splits_are_cut_by_time_and_shopper(log, way, columns):
    found = ask(log, way, columns)
    start = (LAST_DAY + 1 - way["eval_days"]) * DAY
    for split, row in all_of(found):
        (user,), (time,) = row["user_id"], row["timestamp"]
        assert row["label_item_ids"]
        answers = {item for t, item in taken_by([*log, ("zoe", "i0", FIRST_DAY * DAY, "purchase")], user) if t >= time}
        if way["every"] != "basket":
            end = time + way["window_days"] * DAY
            answers = {item for t, item in taken_by(log, user) if time <= t < end}
            assert set(row["label_item_ids"]) == answers
            assert split == "eval" or end <= start
        assert set(row["label_item_ids"]) <= answers
        assert (time >= start) == (split == "eval")
    shoppers = {split: {row["user_id"][0] for row in rows} for split, rows in found.items()}
    assert not shoppers["train"] & shoppers["validation"]


@settings(max_examples=100, deadline=None)
@given(logs, ways, present)
def test_what_happens_after_the_evaluation_starts_changes_no_training_example(log, way, columns):
    start = (LAST_DAY + 1 - way["eval_days"]) * DAY
    train = collections.Counter(frozen(row, row) for row in ask(log, way, columns)["train"])
    # Cutting a session short can only turn a request that reached into the evaluation into one that trains.
    cut = collections.Counter(frozen(r, r) for r in ask([e for e in log if e[2] < start], way, columns)["train"])
    assert not train - cut


@settings(max_examples=100, deadline=None)
@given(logs, logs, moments, ways, present)
def test_two_futures_of_one_past_give_every_request_the_same_features(log, other, cut, way, columns):
    def shared(event):
        # A basket's own opening events tell its circumstances; a periodic request knows nothing of its own second.
        return event[2] <= cut if way["every"] == "basket" else event[2] < cut

    other = [event for event in log if shared(event)] + [event for event in other if not shared(event)]
    answered = [_by_moment(all_of(ask(events, way, columns)), cut) for events in (log, other)]
    for key in answered[0].keys() & answered[1].keys():
        ours, theirs = answered[0][key], answered[1][key]
        assert {frozen(row, HISTORY) for row in ours} == {frozen(row, HISTORY) for row in theirs}
        if len(ours) == len(theirs) == 1:
            assert frozen(ours[0], CIRCUMSTANCES) == frozen(theirs[0], CIRCUMSTANCES)
        known = [statistics(row) for row in (ours[0], theirs[0])]
        assert all(known[0][item] == known[1][item] for item in known[0].keys() & known[1].keys())


def _by_moment(found, until):
    rows = collections.defaultdict(list)
    for split, row in found:
        if row["timestamp"][0] <= until:
            rows[split == "eval", row["user_id"][0], row["timestamp"][0]].append(row)
    return rows


@settings(max_examples=100, deadline=None)
@given(logs, logs, moments, ways, present)
def test_what_others_do_on_the_day_of_a_request_or_later_changes_nothing_of_it_not_even_its_candidates(
    log, other, cut, way, columns
):
    ours = [event for event in log if event[0] == "ann" or event[2] < cut]
    theirs = ours + [event for event in other if event[0] != "ann" and event[2] // DAY >= cut // DAY]
    found = [
        collections.Counter(
            (split, frozen(row, row))
            for split, row in all_of(ask(events, way, columns))
            if row["user_id"] == ["ann"] and row["timestamp"][0] // DAY <= cut // DAY
        )
        for events in (ours, theirs)
    ]
    assert found[0] == found[1]


@settings(max_examples=100, deadline=None)
@given(logs, ways, present, st.randoms(use_true_random=False), st.lists(st.integers(0, 2), min_size=4, max_size=4))
def test_neither_the_order_of_events_nor_the_shards_change_an_example(log, way, columns, random, places):
    shuffled = random.sample(log, len(log))
    shoppers = [*USERS, "zoe"]
    shards = [{user for user, place in zip(shoppers, places, strict=True) if place == n} for n in range(3)]
    found = [
        collections.Counter((split, frozen(row, row)) for split, row in all_of(result))
        for result in (ask(log, way, columns), ask(shuffled, way, columns, shards))
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("eval_days", "popularity", "taken", "repeat_days"),
    [
        (1, [3, 1, 0], [3, 1, 0], [2, 0, 0]),
        (2, [2, 1, 0], [2, 1, 0], [0, 0, 0]),
        (3, [2, 0, 0], [2, 0, 0], [0, 0, 0]),
    ],
)
def test_the_catalogue_is_known_as_it_was_when_the_evaluation_starts(eval_days, popularity, taken, repeat_days):
    # The log ends on day 20: the evaluation starts on day 20, 19 or 18, and the three days before it are recent.
    rows = [
        ("u", "a", 17 * DAY),
        ("v", "a", 17 * DAY),
        ("u", "b", 18 * DAY),
        ("u", "a", 19 * DAY),  # two days after u took it last
        ("u", "c", 20 * DAY),
    ]
    asked = make_settings(eval_days=eval_days, popularity_days=3)
    _, knowledge = know(make_events(rows), asked, ["a", "b", "c"])
    items = pa.table({"item_id": ["a", "b", "c"], "available": [1, None, 0]})
    catalog = tables.catalog(items, knowledge, asked)
    expected = {"item_popularity": popularity, "item_taken": taken, "item_repeat_days": repeat_days}
    for name, values in expected.items():
        assert catalog[name].to_pylist() == [[value] for value in values]
    assert catalog["item_available"].to_pylist() == [[1], [], [0]]
