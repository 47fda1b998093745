"""One shard's shoppers as sorted arrays, and the requests they made: who asked when, what came before, what answered.

Everything is a range of a sorted array, so the point in time is kept in one place: history ends strictly before the
request's moment, the answer starts at it.
"""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.request_examples.daily_counts import SECONDS_A_DAY
from components.request_examples.settings import Settings

_TIME_BITS = 36  # seconds since 1970 fit until the year 4147


class Events(NamedTuple):
    """Events of one kind of use, sorted by shopper, then time; all arrays are int64 [n].

    `position` points into the shard's table, whose rows keep their further columns.
    """

    shopper: np.ndarray
    time: np.ndarray
    item: np.ndarray
    position: np.ndarray

    def before(self, shopper: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Position behind the last event of each shopper strictly before each time."""
        return np.searchsorted(_moment(self.shopper, self.time), _moment(shopper, time), side="left")

    def first(self, shopper: np.ndarray) -> np.ndarray:
        """Position of the first event of each shopper."""
        return np.searchsorted(self.shopper, shopper)

    def where(self, mask: np.ndarray) -> "Events":
        """The events that a bool [n], or an order int64, picks."""
        return Events(*(column[mask] for column in self))


class Asked(NamedTuple):
    """Requests: who asks when, which range of the events seen they cover, and which row tells the circumstances.

    All arrays are int64 [num_requests]; `context_row` is -1 where nothing was known of the shopper by then.
    """

    shopper: np.ndarray
    time: np.ndarray
    seen_start: np.ndarray
    seen_stop: np.ndarray
    context_row: np.ndarray


@dataclasses.dataclass(frozen=True)
class Timeline:
    """Requests of one shard's shoppers; the arrays of requests are int64 [num_requests].

    Attributes:
        table: the shard's events, sorted by shopper and time.
        shoppers: the ids of the shoppers; elsewhere a shopper is a position in them.
        past: the events that a history holds.
        seen: all events, in the order of `seen_start`.
        answering: those of them that can answer, in the same order.
        shopper: who asks.
        time: when, in seconds.
        history_start: request i saw the past events `history_start[i]:history_stop[i]`.
        history_stop: see `history_start`.
        seen_start: the events `seen_start[i]:seen_stop[i]` of `seen` happened in the basket or window of request i.
        seen_stop: see `seen_start`.
        answer_start: the events `answer_start[i]:answer_stop[i]` of `answering` answered request i.
        answer_stop: see `answer_start`.
        context_row: the row of `table` that tells the circumstances of the request, -1 where none is known.
    """

    table: pa.Table
    shoppers: pa.Array
    past: Events
    seen: Events
    answering: Events
    shopper: np.ndarray
    time: np.ndarray
    history_start: np.ndarray
    history_stop: np.ndarray
    seen_start: np.ndarray
    seen_stop: np.ndarray
    answer_start: np.ndarray
    answer_stop: np.ndarray
    context_row: np.ndarray

    @property
    def num_requests(self) -> int:
        """How many requests there are."""
        return len(self.time)

    def where(self, chosen: np.ndarray | slice) -> "Timeline":
        """The requests that a bool [num_requests] marks or a slice covers."""
        names = ("shopper", "time", "history_start", "history_stop", "context_row")
        names += ("seen_start", "seen_stop", "answer_start", "answer_stop")
        return dataclasses.replace(self, **{name: getattr(self, name)[chosen] for name in names})

    def parts(self, max_requests: int) -> Iterator["Timeline"]:
        """The requests in order, at most so many at once."""
        for start in range(0, self.num_requests, max_requests):
            yield self.where(slice(start, start + max_requests))


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
    """Finds the requests in one shard's events: those that a positive event answered.

    Within the evaluation those that saw an impression are there as well, answered or not: what a policy is worth, and
    how many of all impressions are clicked, cannot be told from the visits that went well.

    Args:
        table: the events of whole shoppers, with `item`, the position in the catalogue, beside the contract's columns.
        first_day: day of the log's first event, days since 1970.
        last_day: day of the log's last event.
        settings: how requests are cut.
    """
    shoppers = pc.unique(table["user_id"]).sort()
    table = _sorted(table.append_column("shopper", pc.index_in(table["user_id"], shoppers).cast(pa.int64())))
    columns = [table[name].to_numpy() for name in ("shopper", "timestamp", "item")]
    events = Events(*columns, np.arange(len(table)))
    past = events.where(is_one_of(table["event"], settings.requests.history_kinds))
    if settings.requests.every == "basket":
        seen, asked = _baskets(events, sessions(table))
    else:
        seen, asked = events, _periods(events, period_ends(first_day, last_day, settings), settings)

    def before(kinds: list[str]) -> np.ndarray:
        """How many events of the kinds stand before each place in `seen`: int64 [n + 1]."""
        return np.concatenate([[0], np.cumsum(is_one_of(table["event"], kinds)[seen.position])])

    positives, impressions = before(settings.requests.positive_events), before(settings.requests.funnel.impressions)
    answered = positives[asked.seen_stop] > positives[asked.seen_start]
    shown = impressions[asked.seen_stop] > impressions[asked.seen_start]
    judges = asked.time >= evaluation_start(last_day, settings)
    asked = Asked(*(column[answered | (shown & judges)] for column in asked))
    answers = before(settings.answer_events)
    history_stop = past.before(asked.shopper, asked.time)
    return Timeline(
        table=table,
        shoppers=shoppers,
        past=past,
        seen=seen,
        answering=seen.where(np.diff(answers) > 0),
        history_start=np.maximum(past.first(asked.shopper), history_stop - settings.requests.history_length),
        history_stop=history_stop,
        answer_start=answers[asked.seen_start],
        answer_stop=answers[asked.seen_stop],
        **asked._asdict(),
    )


def _sorted(table: pa.Table) -> pa.Table:
    """Rows by shopper, then time; those of one second by all they hold, so that the order they come in is no matter."""
    first = [name for name in ("shopper", "timestamp", "session_id", "item") if name in table.column_names]
    others = sorted(set(table.column_names) - {*first, "user_id", "item_id"})
    return table.sort_by([(name, "ascending") for name in [*first, *others]]).combine_chunks()


def _periods(events: Events, ends: np.ndarray, settings: Settings) -> Asked:
    """Every shopper is asked at the end of every period; the answer is in the window that starts there.

    The circumstances are those of the shopper's newest event by then, of whatever kind.
    """
    shopper, time = (grid.ravel() for grid in np.meshgrid(np.unique(events.shopper), ends, indexing="ij"))
    window = settings.requests.window_days * SECONDS_A_DAY
    known = events.before(shopper, time)
    return Asked(
        shopper,
        time,
        seen_start=known,
        seen_stop=events.before(shopper, time + window),
        context_row=np.where(known > events.first(shopper), known - 1, -1),
    )


def sessions(table: pa.Table) -> np.ndarray:
    """A number for each event's session, int64 [n]; those of one second without an id are one session."""
    time = table["timestamp"].to_numpy()
    if "session_id" not in table.column_names:
        return time
    named = table["session_id"].combine_chunks().dictionary_encode()
    number = pc.fill_null(named.indices.cast(pa.int64()), -1).to_numpy()
    is_blank = np.append(pc.equal(pc.utf8_trim_whitespace(named.dictionary), "").to_numpy(zero_copy_only=False), True)
    return np.where(is_blank[number], len(named.dictionary) + time, number)


def _baskets(events: Events, session: np.ndarray) -> tuple[Events, Asked]:
    """A request stands at the start of each session, in the circumstances of its first event.

    Returns:
        The events, those of a session side by side; the requests.
    """
    _, first, basket = np.unique(_moment(events.shopper, session), return_index=True, return_inverse=True)
    order = np.lexsort((basket, events.time[first][basket], events.shopper))
    seen, basket = events.where(order), basket[order]
    starts = np.flatnonzero(np.diff(basket, prepend=-1))
    stops = np.append(starts, len(basket))[1:]
    opening = first[basket[starts]]
    return seen, Asked(events.shopper[opening], events.time[opening], starts, stops, context_row=opening)
