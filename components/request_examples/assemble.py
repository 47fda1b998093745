"""Turns one shard's timeline into request examples, as Arrow columns ready for encoding."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from components.request_examples import candidates, timeline
from components.request_examples.popularity import SECONDS_A_DAY, Popularity
from components.request_examples.ranges import expand, find, offsets
from components.request_examples.settings import Settings

VALIDATION_SALT = "validation"


class Knowledge(NamedTuple):
    """What every shard shares: the catalogue's ids by position, and how popular items were when."""

    item_ids: pa.Array
    popularity: Popularity


def hashed(ids: pa.Array | pa.ChunkedArray, salt: str = "") -> np.ndarray:
    """A hash of each id that is the same in every process: uint64 [n]."""
    salted = ids.to_pandas().to_numpy(object) + salt
    return pd.util.hash_array(salted, categorize=False)


def request_examples(
    events: pa.Table, users: pa.Table, knowledge: Knowledge, settings: Settings
) -> dict[str, pa.Table]:
    """Builds the request examples of whole shoppers.

    Args:
        events: their events, with `item`, the position in the catalogue.
        users: their profiles.
        knowledge: what all shards share.
        settings: how requests are cut and what is sampled.

    Returns:
        By split, a table of list columns, one row a request.
    """
    popularity = knowledge.popularity
    line = timeline.build(events, popularity.first_day, popularity.last_day, settings)
    if not len(line):
        return {}
    seed = [settings.seed, int(hashed(line.shoppers[:1])[0])]
    answers, pair_of_event, event_row = candidates.answered(line, popularity.num_items)
    sampled = candidates.sample(line, answers, popularity, settings.requests, np.random.default_rng(seed))

    positive = timeline.is_one_of(line.table["event"], settings.requests.positive_events)[event_row]
    is_label = np.bincount(pair_of_event, weights=positive, minlength=len(answers.request)) > 0
    labels = answers.where(is_label)
    taken = _FirstTaken.of(line, settings)
    is_first = taken.time(line.shopper[labels.request], labels.item) >= line.time[labels.request]

    columns = _request_columns(line, users, settings) | _history_columns(line, knowledge.item_ids)
    columns["label_item_ids"] = _item_lists(labels, len(line), knowledge.item_ids)
    columns["first_time_item_ids"] = _item_lists(labels.where(is_first), len(line), knowledge.item_ids)
    columns["candidate_item_ids"] = _item_lists(sampled, len(line), knowledge.item_ids)
    columns["candidate_popularity"] = _lists(
        sampled.request, len(line), pa.array(popularity.counts(sampled.item, line.time[sampled.request]))
    )
    for head, values in _head_labels(line, answers, pair_of_event, event_row, sampled, popularity.num_items, settings):
        columns[f"candidate_{head}"] = _lists(sampled.request, len(line), pa.array(values))

    table = pa.table(columns)
    start = timeline.evaluation_start(popularity.last_day, settings)
    splits = _splits(line, start, settings)
    examples = {name: table.filter(pa.array(mask)) for name, mask in splits.items() if mask.any()}
    if "eval" in examples:
        past = taken.items_before(line.shopper[splits["eval"]], line.time[splits["eval"]])
        lists = _item_lists(past, examples["eval"].num_rows, knowledge.item_ids)
        examples["eval"] = examples["eval"].append_column("past_item_ids", lists)
    return examples


def _splits(line: timeline.Timeline, start: int, settings: Settings) -> dict[str, np.ndarray]:
    """Which requests train, validate and judge: by time, and the shoppers of the validation split by their id.

    A request may train only if all that answers it happened before the evaluation starts.
    """
    if settings.requests.every == "basket":
        answered_until = line.answering.time[line.answer_stop - 1]
    else:
        answered_until = line.time + settings.requests.window_days * SECONDS_A_DAY - 1
    before = answered_until < start
    share = hashed(line.shoppers, VALIDATION_SALT) / 2.0**64 < settings.requests.validation_share
    held_out = share[line.shopper]
    return {"train": before & ~held_out, "validation": before & held_out, "eval": line.time >= start}


class _FirstTaken(NamedTuple):
    """When each shopper first took each item, sorted by shopper, then item."""

    shopper: np.ndarray
    item: np.ndarray
    first: np.ndarray
    num_items: int

    @classmethod
    def of(cls, line: timeline.Timeline, settings: Settings) -> "_FirstTaken":
        positive = timeline.is_one_of(line.table["event"], settings.requests.positive_events)[line.answering.position]
        events = line.answering.where(positive)
        num_items = int(events.item.max(initial=0)) + 1
        keys, inverse = np.unique(events.shopper * num_items + events.item, return_inverse=True)
        first = np.full(len(keys), np.iinfo(np.int64).max)
        np.minimum.at(first, inverse, events.time)
        return cls(*np.divmod(keys, num_items), first, num_items)

    def time(self, shopper: np.ndarray, item: np.ndarray) -> np.ndarray:
        """When the shopper first took the item; the pair must exist."""
        return self.first[np.searchsorted(self.shopper * self.num_items + self.item, shopper * self.num_items + item)]

    def items_before(self, shopper: np.ndarray, time: np.ndarray) -> candidates.Pairs:
        """All that each shopper took strictly before each time, as (position of the request, item) pairs."""
        owner, position = expand(np.searchsorted(self.shopper, shopper), np.searchsorted(self.shopper, shopper + 1))
        earlier = self.first[position] < time[owner]
        return candidates.Pairs(owner[earlier], self.item[position[earlier]])


def _request_columns(line: timeline.Timeline, users: pa.Table, settings: Settings) -> dict[str, pa.Array]:
    """Who asked, when and under which circumstances."""
    known = line.history_stop > line.past.before(line.shopper, np.int64(0))
    user_ids = line.shoppers.take(pa.array(line.shopper))
    columns = {
        "user_id": one_each(user_ids),
        "timestamp": one_each(pa.array(line.time)),
        "shopper": one_each(pc.if_else(pa.array(known), "returning", "new")),
    }
    row = pa.array(line.context_row, mask=line.context_row < 0)
    for name in ("scene", "query"):
        if name in line.table.column_names:
            columns[name] = one_each(line.table[name].combine_chunks().take(row))
    for name in settings.names("context"):
        columns[f"context_{name}"] = one_each(line.table[name].combine_chunks().take(row))
    profile = pc.index_in(user_ids, value_set=users["user_id"].combine_chunks())
    for name in settings.names("user"):
        columns[f"user_{name}"] = one_each(users[name].combine_chunks().take(profile))
    return columns


def _history_columns(line: timeline.Timeline, item_ids: pa.Array) -> dict[str, pa.Array]:
    request, position = expand(line.history_start, line.history_stop)
    past = line.past
    kinds = line.table["event"].combine_chunks().take(pa.array(past.position[position]))
    return {
        "history_item_ids": _lists(request, len(line), item_ids.take(pa.array(past.item[position]))),
        "history_timestamps": _lists(request, len(line), pa.array(past.time[position])),
        "history_events": _lists(request, len(line), kinds),
    }


def _head_labels(line, answers, pair_of_event, event_row, sampled, num_items, settings):
    """For each head the label of every candidate, float32 [candidates]; NaN where a regression has none."""
    answer_keys = answers.keys(num_items)
    place, is_answer = find(answer_keys, sampled.keys(num_items))
    for head in settings.heads:
        if head.loss == "cross_entropy":
            wanted = timeline.is_one_of(line.table["event"], head.events)[event_row]
            label = np.bincount(pair_of_event, weights=wanted, minlength=len(answer_keys)) > 0
            yield head.name, (is_answer & label[place]).astype(np.float32)
        else:
            values = line.table[head.column].to_numpy().astype(np.float64)[event_row]
            present = np.isfinite(values)
            total = np.bincount(pair_of_event[present], weights=values[present], minlength=len(answer_keys))
            events = np.bincount(pair_of_event[present], minlength=len(answer_keys))
            mean = np.divide(total, events, out=np.full(len(total), np.nan), where=events > 0)
            yield head.name, np.where(is_answer, mean[place], np.nan).astype(np.float32)


def one_each(values: pa.Array | pa.ChunkedArray) -> pa.ListArray:
    """A list column of one value a row; a missing value is an empty list."""
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    present = values.is_valid().to_numpy(zero_copy_only=False)
    ends = np.concatenate([[0], np.cumsum(present)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), values.drop_null())


def _lists(request: np.ndarray, num_requests: int, values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(offsets(request, num_requests)), values)


def _item_lists(pairs: candidates.Pairs, num_requests: int, item_ids: pa.Array) -> pa.ListArray:
    return _lists(pairs.request, num_requests, item_ids.take(pa.array(pairs.item)))
