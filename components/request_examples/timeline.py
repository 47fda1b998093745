"""One shard's shoppers as sorted arrays, and the requests they made: who asked when, what came before, what answered.

Everything is a range of a sorted array, so the point in time is kept in one place: history ends strictly before the
request's moment, the answer starts at it.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.request_examples.popularity import SECONDS_A_DAY
from components.request_examples.settings import Settings

_TIME_BITS = 36  # seconds since 1970 fit until the year 4147


class Events(NamedTuple):
    """Events of one kind of use, sorted by shopper, then time; all arrays are [n].

    `position` points into the shard's table, whose rows keep their further columns.
    """

    shopper: np.ndarray
    time: np.ndarray
    item: np.ndarray
    position: np.ndarray

    def before(self, shopper: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Position behind the last event of each shopper strictly before each time."""
        return np.searchsorted(_moment(self.shopper, self.time), _moment(shopper, time), side="left")

    def where(self, mask: np.ndarray) -> "Events":
        return Events(*(column[mask] for column in self))


class Timeline(NamedTuple):
    """The requests of one shard's shoppers; `requests` arrays are [num_requests].

    Request i saw the past events `history_start[i]:history_stop[i]`, and `answer_start[i]:answer_stop[i]` answered it.
    `context_row` is the row of `table` that tells the circumstances of the request, -1 where none is known.
    """

    table: pa.Table
    shoppers: pa.Array
    past: Events
    answering: Events
    shopper: np.ndarray
    time: np.ndarray
    history_start: np.ndarray
    history_stop: np.ndarray
    answer_start: np.ndarray
    answer_stop: np.ndarray
    context_row: np.ndarray

    def __len__(self) -> int:
        return len(self.time)


def _moment(shopper: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Shopper and time as one number, ordered by shopper first."""
    return (shopper << _TIME_BITS) | time


def is_one_of(kinds: pa.ChunkedArray, wanted: list[str]) -> np.ndarray:
    """Whether each event is of a wanted kind: bool [n]."""
    return pc.is_in(kinds, value_set=pa.array(wanted, kinds.type)).to_numpy()


def evaluation_start(last_day: int, settings: Settings) -> int:
    """The moment, in seconds, from which on events judge the model: the newest `eval_days` whole days."""
    return (last_day + 1 - settings.requests.eval_days) * SECONDS_A_DAY


def period_ends(first_day: int, last_day: int, settings: Settings) -> np.ndarray:
    """The moments at which periodic requests are asked, int64 seconds, the evaluation's own the newest."""
    newest = evaluation_start(last_day, settings)
    return np.arange(newest, first_day * SECONDS_A_DAY, -int(settings.requests.every) * SECONDS_A_DAY)[::-1]


def build(table: pa.Table, first_day: int, last_day: int, settings: Settings) -> Timeline:
    """Finds the requests in one shard's events.

    Args:
        table: the events of whole shoppers, with `item`, the position in the catalogue, beside the contract's columns.
        first_day: day of the log's first event, days since 1970.
        last_day: day of the log's last event.
        settings: how requests are cut.
    """
    shopper_names = pc.unique(table["user_id"]).sort()
    table = table.append_column("shopper", pc.index_in(table["user_id"], value_set=shopper_names).cast(pa.int64()))
    order = [
        (name, "ascending") for name in ("shopper", "timestamp", "session_id", "item") if name in table.column_names
    ]
    table = table.sort_by(order).combine_chunks()

    columns = [table[name].to_numpy() for name in ("shopper", "timestamp", "item")]
    events = Events(*columns, np.arange(len(table)))
    past = events.where(is_one_of(table["event"], settings.requests.history_kinds))
    answering = events.where(is_one_of(table["event"], settings.answer_events))
    is_positive = is_one_of(table["event"], settings.requests.positive_events)[answering.position]

    if settings.requests.every == "basket":
        answering, is_positive, asked = _baskets(table, events, answering, is_positive)
        context_row = answering.position[asked.start]
    else:
        asked = _periods(answering, period_ends(first_day, last_day, settings), settings.requests.window_days)
        known_until = events.before(asked.shopper, asked.time)
        context_row = np.where(known_until > events.before(asked.shopper, np.int64(0)), known_until - 1, -1)

    positives_before = np.concatenate([[0], np.cumsum(is_positive)])
    answered = positives_before[asked.stop] > positives_before[asked.start]
    asked, context_row = Asked(*(column[answered] for column in asked)), context_row[answered]
    history_stop = past.before(asked.shopper, asked.time)
    history_start = np.maximum(past.before(asked.shopper, np.int64(0)), history_stop - settings.requests.history_length)
    return Timeline(
        table, shopper_names, past, answering, *asked[:2], history_start, history_stop, *asked[2:], context_row
    )


class Asked(NamedTuple):
    """Requests, and the range of answering events of each; arrays are [num_requests]."""

    shopper: np.ndarray
    time: np.ndarray
    start: np.ndarray
    stop: np.ndarray


def _periods(answering: Events, ends: np.ndarray, window_days: int) -> Asked:
    """Every shopper is asked at the end of every period; the answer is the window that starts there."""
    shopper, time = (grid.ravel() for grid in np.meshgrid(np.unique(answering.shopper), ends, indexing="ij"))
    window = window_days * SECONDS_A_DAY
    return Asked(shopper, time, answering.before(shopper, time), answering.before(shopper, time + window))


def _baskets(table: pa.Table, events: Events, answering: Events, is_positive: np.ndarray):
    """A request stands at the start of each session; without session ids, events of one second are one session."""
    if "session_id" in table.column_names:
        session = pc.rank(pc.fill_null(table["session_id"], ""), tiebreaker="dense").to_numpy().astype(np.int64)
    else:
        session = events.time
    _, first, basket = np.unique(_moment(events.shopper, session), return_index=True, return_inverse=True)
    start_of_basket = events.time[first][basket][answering.position]
    order = np.lexsort((basket[answering.position], start_of_basket, answering.shopper))
    answering, is_positive = answering.where(order), is_positive[order]
    basket, start_of_basket = basket[answering.position], start_of_basket[order]
    starts = np.flatnonzero(np.diff(basket, prepend=-1))
    stops = np.append(starts[1:], len(basket))
    return answering, is_positive, Asked(answering.shopper[starts], start_of_basket[starts], starts, stops)
