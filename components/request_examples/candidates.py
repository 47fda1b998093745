"""The items that a training request ranks: those that answered it, and plausible ones that did not.

Negatives come from what the shopper took before, from what was popular in those weeks and from the whole catalogue, so
that the ranker meets in training the mixture that retrieval hands it when serving.
"""

from typing import NamedTuple

import numpy as np

from components.request_examples.popularity import Popularity
from components.request_examples.ranges import distinct, expand, find, keep_at_most
from components.request_examples.timeline import Timeline
from pipeline.config import Requests


class Pairs(NamedTuple):
    """Distinct (request, item) pairs, sorted by request, then item: int64 [n] each."""

    request: np.ndarray
    item: np.ndarray

    @classmethod
    def distinct(cls, request: np.ndarray, item: np.ndarray, num_items: int) -> "Pairs":
        return cls(*np.divmod(distinct(request * num_items + item), num_items))

    def keys(self, num_items: int) -> np.ndarray:
        return self.request * num_items + self.item

    def where(self, mask: np.ndarray) -> "Pairs":
        return Pairs(self.request[mask], self.item[mask])


def answered(timeline: Timeline, num_items: int) -> tuple[Pairs, np.ndarray, np.ndarray]:
    """What answered each request.

    Returns:
        The distinct pairs [n]; for every answering event [m] the position of its pair; its row in the table [m].
    """
    request, position = expand(timeline.answer_start, timeline.answer_stop)
    keys, pair = np.unique(request * num_items + timeline.answering.item[position], return_inverse=True)
    return Pairs(*np.divmod(keys, num_items)), pair, timeline.answering.position[position]


def sample(
    timeline: Timeline, answers: Pairs, popularity: Popularity, requests: Requests, rng: np.random.Generator
) -> Pairs:
    """Draws the candidates of every request: a part of its answers, and negatives by source."""
    num_items, num_requests = popularity.num_items, len(timeline)
    answer_keys = answers.keys(num_items)

    def negatives(request: np.ndarray, item: np.ndarray, limit: int) -> Pairs:
        pairs = Pairs.distinct(request, item, num_items)
        _, is_answer = find(answer_keys, pairs.keys(num_items))
        pairs = pairs.where(~is_answer)
        return pairs.where(keep_at_most(pairs.request, rng.random(len(pairs.request)), limit))

    history_request, history_position = expand(timeline.history_start, timeline.history_stop)
    every_request = np.arange(num_requests)
    sources = [
        answers.where(keep_at_most(answers.request, rng.random(len(answers.request)), requests.positives)),
        negatives(history_request, timeline.past.item[history_position], requests.bought_before),
        negatives(*_popular(timeline.time, popularity, requests.popular, rng), requests.popular),
        negatives(
            np.repeat(every_request, requests.random),
            rng.integers(num_items, size=num_requests * requests.random),
            requests.random,
        ),
    ]
    return Pairs.distinct(*(np.concatenate(column) for column in zip(*sources, strict=True)), num_items)


def _popular(time: np.ndarray, popularity: Popularity, limit: int, rng: np.random.Generator):
    """Draws `limit` of the items that were popular at each request's time: (request, item) arrays."""
    requests, items = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for moment in np.unique(time) if limit else ():
        top, asked = popularity.top(int(moment)), np.flatnonzero(time == moment)
        if len(top):
            requests.append(np.repeat(asked, limit))
            items.append(rng.choice(top, size=len(asked) * limit))
    return np.concatenate(requests), np.concatenate(items)
