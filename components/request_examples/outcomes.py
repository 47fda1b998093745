"""What requests came to, and what was shown meanwhile: for judging models, never for making them.

Only the split `eval` carries it. The outcome of a request is all that its shopper did in its basket or window, whether
or not it answers: what was clicked and bought, for how much, and how long it was looked at.
"""

import numpy as np
import pyarrow as pa

from components.request_examples.columns import item_lists, lists
from components.request_examples.pairs import Pairs
from components.request_examples.ranges import expand
from components.request_examples.timeline import Timeline, is_one_of, sessions
from pipeline.config_funnel import Funnel

_TIME_BITS = 36


def columns(line: Timeline, item_ids: pa.Array, funnel: Funnel) -> dict[str, pa.Array]:
    """The columns of `schemas.request_example.OUTCOME`.

    Those that stand for one column of the events are left out where the events lack it.

    Args:
        line: the requests.
        item_ids: the catalogue's ids by position.
        funnel: what kinds of event mean.
    """
    seen = _Seen(line, funnel)
    return seen.outcomes(item_ids) | seen.logged(item_ids)


def counts(examples: pa.Table) -> dict[str, int]:
    """How much of each kind of outcome some examples hold, by kind; nothing of a split without outcomes."""
    found = {
        name: examples[f"outcome_{name}"].combine_chunks().flatten().to_numpy()
        for name in ("impressions", "clicks", "conversions", "interactions", "revenue", "dwell_seconds")
        if f"outcome_{name}" in examples.column_names
    }
    totals = {name: int(np.count_nonzero(values)) for name, values in found.items()}
    if "logged_propensities" in examples.column_names:
        totals["propensities"] = len(examples["logged_propensities"].combine_chunks().flatten())
    return totals


class _Seen:
    """The events in the baskets or windows of some requests; arrays are [num_events] but for sets of pairs."""

    def __init__(self, line: Timeline, funnel: Funnel):
        self._line, self._num_requests = line, line.num_requests
        self._request, place = expand(line.seen_start, line.seen_stop)
        self._item, self._time = line.seen.item[place], line.seen.time[place]
        self._row = line.seen.position[place]
        self._session = sessions(line.table)[self._row]
        kinds = (funnel.impressions, funnel.clicks, funnel.conversions, funnel.rewards)
        self._is_impression, self._is_click, self._is_conversion, self._is_reward = map(self._is_one_of, kinds)

    def _is_one_of(self, kinds: list[str]) -> np.ndarray:
        return is_one_of(self._line.table["event"], kinds)[self._row]

    def _values(self, column: str) -> np.ndarray | None:
        """A column's values, NaN where there is none; None if the events lack the column."""
        if column not in self._line.table.column_names:
            return None
        return self._line.table[column].to_numpy().astype(np.float64)[self._row]

    def outcomes(self, item_ids: pa.Array) -> dict[str, pa.Array]:
        """What was done with each item, and how often anything was done."""
        did = ~self._is_impression
        items = Pairs.distinct(self._request[did], self._item[did], len(item_ids))
        place, _ = items.find(Pairs(self._request, self._item), len(item_ids))

        def total(values: np.ndarray) -> pa.Array:
            """Adds values of what was done up by request and item."""
            sums = np.bincount(place[did], weights=np.nan_to_num(values[did]), minlength=len(items.item))
            return lists(items.request, self._num_requests, pa.array(sums))

        found = {
            "outcome_item_ids": item_lists(items, self._num_requests, item_ids),
            "outcome_clicks": total(self._is_click),
            "outcome_conversions": total(self._is_conversion),
        }
        if (value := self._values("value")) is not None:
            found["outcome_revenue"] = total(np.where(self._is_conversion, value, 0.0))
        if (dwell := self._values("dwell_seconds")) is not None:
            found["outcome_dwell_seconds"] = total(dwell)
        visits = np.unique(np.stack([self._request, self._session]), axis=1)[0]
        return found | {
            "outcome_sessions": self._numbers(visits),
            "outcome_impressions": self._numbers(self._request[self._is_impression]),
            "outcome_interactions": self._numbers(self._request[did & ~self._is_conversion]),
        }

    def logged(self, item_ids: pa.Array) -> dict[str, pa.Array]:
        """What was shown with a known propensity, and what came of it; nothing if the events have no propensities."""
        propensity = self._values("propensity")
        if propensity is None:
            return {}
        shown = self._is_impression & np.isfinite(propensity)
        order = np.flatnonzero(shown)
        request = self._request[order]
        occasions = np.unique(np.stack([request, self._session[order], self._time[order]]), axis=1)[0]
        return {
            "logged_item_ids": lists(request, self._num_requests, item_ids.take(pa.array(self._item[order]))),
            "logged_propensities": lists(request, self._num_requests, pa.array(propensity[order])),
            "logged_rewards": lists(request, self._num_requests, pa.array(self._rewards(order))),
            "logged_lists": self._numbers(occasions),
        }

    def _rewards(self, shown: np.ndarray) -> np.ndarray:
        """1 for each of the shown events that led to a reward, else 0: float64 [len(shown)].

        A reward is owed to the newest impression of its item in its session by then.
        """
        same = np.stack([self._request, self._session, self._item])
        moment = (np.unique(same, axis=1, return_inverse=True)[1].ravel() << _TIME_BITS) | self._time
        order = np.argsort(moment[shown], kind="stable")
        ordered, rewarded = moment[shown][order], moment[self._is_reward]
        newest = np.searchsorted(ordered, rewarded, side="right") - 1
        owed = newest >= 0
        owed[owed] = ordered[newest[owed]] >> _TIME_BITS == rewarded[owed] >> _TIME_BITS
        found = np.zeros(len(shown))
        found[order[newest[owed]]] = 1.0
        return found

    def _numbers(self, request: np.ndarray) -> pa.Array:
        """How often each request comes, a number each."""
        counted = np.bincount(request, minlength=self._num_requests).astype(np.float64)
        return lists(np.arange(self._num_requests), self._num_requests, pa.array(counted))
