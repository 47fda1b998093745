"""Turns one shard's timeline into request examples, as Arrow columns ready for encoding."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.request_examples import candidates, outcomes, timeline
from components.request_examples.answers import Answers
from components.request_examples.columns import item_lists, lists, one_each
from components.request_examples.daily_counts import SECONDS_A_DAY
from components.request_examples.draws import Draws, hashed
from components.request_examples.first_taken import FirstTaken
from components.request_examples.popularity import Popularity
from components.request_examples.ranges import expand
from components.request_examples.settings import Settings
from components.request_examples.statistics import Statistics

_VALIDATION_SALT = "validation"
_REQUESTS_AT_ONCE = 4096  # with 256 events of history each, about 100 MB


class Knowledge(NamedTuple):
    """What every shard shares: the catalogue's ids by position, and how items were taken when."""

    item_ids: pa.Array
    popularity: Popularity
    statistics: Statistics


def request_examples(
    events: pa.Table, users: pa.Table, knowledge: Knowledge, settings: Settings
) -> Iterator[tuple[str, pa.Table]]:
    """Builds the request examples of whole shoppers.

    An example depends on its shopper's events and on `knowledge` alone, so neither the other shoppers of the shard nor
    the order of the events change it.

    Args:
        events: their events, with `item`, the position in the catalogue; at least one.
        users: profiles, theirs among them if there are any.
        knowledge: what all shards share.
        settings: how requests are cut and what is sampled.

    Yields:
        A split, and some of its requests as a table of list columns, one row a request.
    """
    popularity = knowledge.popularity
    line = timeline.build(events, popularity.first_day, popularity.last_day, settings)
    taken = FirstTaken.of(line, popularity.num_items, settings)
    shopper_hash = hashed(line.shoppers)
    for split, mask in _splits(line, popularity.first_day, popularity.last_day, settings).items():
        for part in line.where(mask).parts(_REQUESTS_AT_ONCE):
            draws = Draws(shopper_hash[part.shopper], part.time, settings.seed)
            columns = _request_columns(part, users, settings) | _history_columns(part, knowledge.item_ids)
            columns |= _answer_columns(part, taken, knowledge, settings, draws)
            if split == "eval":
                columns["past_item_ids"] = item_lists(taken.past(part), part.num_requests, knowledge.item_ids)
                columns |= outcomes.columns(part, knowledge.item_ids, settings.requests.funnel)
            yield split, pa.table(columns)


def _splits(line: timeline.Timeline, first_day: int, last_day: int, settings: Settings) -> dict[str, np.ndarray]:
    """Which requests train, validate and judge, bool [num_requests]: by time, and by id the shoppers that validate.

    A request may train only if it comes after the warm-up, and if all that answers it happened before the evaluation
    starts. One that nothing answered is there to judge.
    """
    start = timeline.evaluation_start(last_day, settings)
    if settings.requests.every == "basket":
        last = np.append(line.answering.time, start)[line.answer_stop - 1]
        answered_until = np.where(line.answer_stop > line.answer_start, last, start)
    else:
        answered_until = line.time + settings.requests.window_days * SECONDS_A_DAY - 1
    warm = line.time >= (first_day + settings.requests.warm_up_days) * SECONDS_A_DAY
    trains = warm & (answered_until < start)
    validates = hashed(line.shoppers, _VALIDATION_SALT) / 2.0**64 < settings.requests.validation_share
    held_out = validates[line.shopper]
    return {"train": trains & ~held_out, "validation": trains & held_out, "eval": line.time >= start}


def _request_columns(line: timeline.Timeline, users: pa.Table, settings: Settings) -> dict[str, pa.Array]:
    """Who asked, when and under which circumstances."""
    known = line.history_stop > line.past.first(line.shopper)
    user_ids = line.shoppers.take(pa.array(line.shopper))
    columns = {
        "user_id": one_each(user_ids),
        "timestamp": one_each(pa.array(line.time)),
        "shopper": one_each(pc.if_else(pa.array(known), "returning", "new")),
    }
    circumstances = {"scene": "scene"} | {name: f"context_{name}" for name in settings.names("context")}
    if settings.requests.every == "basket":
        circumstances["query"] = "query"  # a periodic request asks for nothing; the last query was another question
    row = pa.array(line.context_row, mask=line.context_row < 0)
    for name, column in circumstances.items():
        if name in line.table.column_names:
            columns[column] = one_each(line.table[name].combine_chunks().take(row))
    profile = pc.index_in(user_ids, value_set=users["user_id"].combine_chunks())
    for name in settings.names("user"):
        columns[f"user_{name}"] = one_each(users[name].combine_chunks().take(profile))
    return columns


def _history_columns(line: timeline.Timeline, item_ids: pa.Array) -> dict[str, pa.Array]:
    """What the shopper did before, oldest first."""
    request, position = expand(line.history_start, line.history_stop)
    past = line.past
    kinds = line.table["event"].combine_chunks().take(pa.array(past.position[position]))
    return {
        "history_item_ids": lists(request, line.num_requests, item_ids.take(pa.array(past.item[position]))),
        "history_timestamps": lists(request, line.num_requests, pa.array(past.time[position])),
        "history_events": lists(request, line.num_requests, kinds),
    }


def _answer_columns(
    line: timeline.Timeline, taken: FirstTaken, knowledge: Knowledge, settings: Settings, draws: Draws
) -> dict[str, pa.Array]:
    """What the shopper took, and the candidates with what each head should say of them."""
    item_ids, popularity, statistics = knowledge
    answers = Answers.of(line, popularity.num_items)
    labels = answers.pairs.where(answers.by(settings.requests.positive_events, line))
    sampled, log_odds = candidates.sample(line, answers.pairs, popularity, settings.requests, draws)
    values = statistics.at(sampled.item, line.time[sampled.request]) | {"sampling_log_odds": log_odds}
    values |= {head.name: answers.label(head, sampled, line, popularity.num_items) for head in settings.heads}
    return {
        "label_item_ids": item_lists(labels, line.num_requests, item_ids),
        "first_time_item_ids": item_lists(labels.where(taken.is_first(line, labels)), line.num_requests, item_ids),
        "candidate_item_ids": item_lists(sampled, line.num_requests, item_ids),
        **{f"candidate_{name}": lists(sampled.request, line.num_requests, pa.array(v)) for name, v in values.items()},
    }
