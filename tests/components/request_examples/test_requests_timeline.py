import pytest
from requests_shop import DAY, make_events, make_settings

from components.request_examples import timeline


def build(events, settings, last_day=None):
    table = events.append_column("item", [[0] * len(events)])
    days = [time // DAY for time in events["timestamp"].to_pylist()]
    return timeline.build(table, min(days), last_day or max(days), settings)


def moments(line):
    return [(line.shoppers[shopper].as_py(), time) for shopper, time in zip(line.shopper, line.time, strict=True)]


def context(line, column="scene"):
    return [None if row < 0 else line.table[column][row].as_py() for row in line.context_row]


def answer_times(line):
    return [
        line.answering.time[start:stop].tolist()
        for start, stop in zip(line.answer_start, line.answer_stop, strict=True)
    ]


def history_times(line):
    return [
        line.past.time[start:stop].tolist() for start, stop in zip(line.history_start, line.history_stop, strict=True)
    ]


def test_evaluation_starts_with_the_first_of_the_newest_whole_days():
    # Of days .. 18, 19, 20 the newest two are 19 and 20.
    assert timeline.evaluation_start(20, make_settings(eval_days=2)) == 19 * DAY


def test_periods_end_at_the_evaluation_start_and_go_back_while_there_is_a_past():
    settings = make_settings(every=3, eval_days=2)
    # From day 19: 19, 16, 13; at 10, the log's first day, nothing could be known.
    assert timeline.period_ends(10, 20, settings).tolist() == [13 * DAY, 16 * DAY, 19 * DAY]


def test_a_periodic_request_is_answered_by_the_window_that_begins_with_it():
    events = make_events([("u", "i", t) for t in (12 * DAY, 13 * DAY - 1, 13 * DAY, 15 * DAY - 1, 15 * DAY)])
    line = build(events, make_settings(every=6, window_days=2, eval_days=2), last_day=20)
    assert moments(line) == [("u", 13 * DAY)]  # at day 19 nothing answers
    assert answer_times(line) == [[13 * DAY, 15 * DAY - 1]]
    assert history_times(line) == [[12 * DAY, 13 * DAY - 1]]


def test_only_what_counts_as_positive_makes_a_request():
    rows = [("u", "i", 12 * DAY, "purchase"), ("u", "i", 13 * DAY, "click"), ("v", "i", 13 * DAY, "purchase")]
    line = build(make_events(rows), make_settings(every=6, window_days=2, eval_days=2), last_day=20)
    assert moments(line) == [("v", 13 * DAY)]


def test_a_periodic_request_stands_in_the_circumstances_of_the_newest_event_by_then():
    rows = [("u", "i", 11 * DAY), ("u", "i", 12 * DAY, "view"), ("u", "i", 13 * DAY), ("v", "i", 13 * DAY)]
    events = make_events(rows, scene=["shop", "web", "app", "kiosk"])
    line = build(events, make_settings(every=6, window_days=2, eval_days=2), last_day=20)
    assert moments(line) == [("u", 13 * DAY), ("v", 13 * DAY)]
    assert context(line) == ["web", None]


def test_a_history_keeps_the_newest_events_of_its_kinds():
    rows = [("u", "i", t, kind) for t, kind in [(10, "view"), (20, "click"), (30, "view"), (40, "view"), (50, "click")]]
    events = make_events([*rows, ("u", "i", DAY), ("t", "i", 5, "view")])
    line = build(events, make_settings(history_events=["view"], history_length=2))
    assert history_times(line) == [[30, 40]]


def test_without_session_ids_the_events_of_one_second_are_a_basket():
    rows = [("u", "i", 10), ("u", "j", 10), ("u", "i", 11), ("v", "i", 10)]
    line = build(make_events(rows), make_settings())
    assert moments(line) == [("u", 10), ("u", 11), ("v", 10)]
    assert answer_times(line) == [[10, 10], [11], [10]]
    assert history_times(line) == [[], [10, 10], []]


@pytest.mark.parametrize("ids", [[None, "s", None, None], ["", "s", "", " "]])
def test_events_without_a_session_id_do_not_fall_into_one_basket(ids):
    rows = [("u", "i", 10), ("u", "i", 20), ("u", "i", 30), ("u", "i", 30)]
    line = build(make_events(rows, session_id=ids), make_settings())
    assert answer_times(line) == [[10], [20], [30, 30]]


def test_a_basket_is_asked_when_its_session_starts_in_the_circumstances_of_its_first_event():
    rows = [("u", "i", 10, "view"), ("u", "i", 15, "purchase"), ("u", "i", 20, "purchase")]
    events = make_events(rows, session_id=["s"] * 3, scene=["web", "app", "shop"])
    line = build(events, make_settings())
    assert moments(line) == [("u", 10)]
    assert answer_times(line) == [[15, 20]]
    assert context(line) == ["web"]


def test_sessions_of_one_shopper_may_overlap_and_their_ids_may_be_used_by_another():
    rows = [("u", "i", 10), ("u", "i", 15), ("u", "i", 20), ("v", "i", 12)]
    line = build(make_events(rows, session_id=["s", "r", "s", "s"]), make_settings())
    assert moments(line) == [("u", 10), ("u", 15), ("v", 12)]
    assert answer_times(line) == [[10, 20], [15], [12]]
    assert history_times(line) == [[], [10], []]


@pytest.mark.parametrize("every", ["basket", 3])
def test_shoppers_who_never_took_anything_make_no_request(every):
    events = make_events([("u", "i", 10 * DAY, "view"), ("v", "i", 11 * DAY, "view")], session_id=["s", "r"])
    assert build(events, make_settings(every=every, eval_days=2), last_day=20).num_requests == 0


def test_events_of_one_second_stand_in_the_same_order_however_they_come():
    rows = [("u", "i", 10, "view"), ("u", "i", 10, "click"), ("u", "i", 10, "purchase"), ("u", "i", 20, "purchase")]
    settings = make_settings(history_events=["view", "click", "purchase"], history_length=2)
    kept = [build(make_events(order), settings).table["event"].to_pylist() for order in (rows, rows[::-1])]
    assert kept[0] == kept[1]


def test_parts_are_the_requests_in_order():
    line = build(make_events([("u", "i", t) for t in range(5)]), make_settings())
    parts = list(line.parts(2))
    assert [part.num_requests for part in parts] == [2, 2, 1]
    assert [time for part in parts for time in part.time] == [0, 1, 2, 3, 4]
    assert [times for part in parts for times in history_times(part)] == history_times(line)
