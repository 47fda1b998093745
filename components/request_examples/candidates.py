"""The items that a training request ranks: those that answered it, and a sample of those that did not.

Every item belongs to one source: what the shopper took before, else what was popular in those weeks, else the rest of
the catalogue. Items that did not answer are sampled from each source at its own rate, so that the ranker sees enough of
the few that it must tell apart. Alone, that would teach it that what was bought before answers less often than the
rarely sampled rest; each candidate therefore carries the log odds that sampling added, which training takes out again
(the prior correction of case-control samples; King and Zeng, "Logistic regression in rare events data", 2001).
"""

from typing import NamedTuple

import numpy as np

from components.request_examples.draws import Draws
from components.request_examples.pairs import Pairs
from components.request_examples.popularity import Popularity
from components.request_examples.ranges import expand, smallest
from components.request_examples.timeline import Timeline
from pipeline.config import Requests

# Where a candidate comes from, and the streams of independent draws.
_BOUGHT_BEFORE, _POPULAR, _REST, _ANSWERS = range(4)


class Sample(NamedTuple):
    """Candidates [n], and log(rate of answers / rate of others) at which each one's source was sampled, float32 [n]."""

    pairs: Pairs
    log_odds: np.ndarray


def sample(line: Timeline, answers: Pairs, popularity: Popularity, requests: Requests, draws: Draws) -> Sample:
    """Draws the candidates of every request: a part of its answers, and others by source.

    Popular and random items are drawn with replacement and dropped where they answered or belong to an earlier source,
    so fewer than configured may come.

    Args:
        line: the requests.
        answers: what answered them; nothing where the evaluation has unanswered requests.
        popularity: of the whole log.
        requests: how many candidates of each source.
        draws: of these requests.
    """
    num_items = popularity.num_items
    past = Pairs.distinct(*_past(line), num_items)

    def source(pairs: Pairs) -> np.ndarray:
        is_popular = popularity.is_top(pairs.item, line.time[pairs.request])
        return np.where(past.contains(pairs, num_items), _BOUGHT_BEFORE, np.where(is_popular, _POPULAR, _REST))

    def at_most(limit: int, pairs: Pairs, stream: int) -> Pairs:
        return pairs.where(smallest(pairs.request, draws.uniform(stream, *pairs), limit))

    def drawn(number: int, request: np.ndarray, item: np.ndarray) -> Pairs:
        pairs = Pairs.distinct(request, item, num_items)
        return pairs.where(~answers.contains(pairs, num_items) & (source(pairs) == number))

    unanswered = past.where(~answers.contains(past, num_items))
    pairs = Pairs.union(
        [
            at_most(requests.positives, answers, _ANSWERS),
            at_most(requests.bought_before, unanswered, _BOUGHT_BEFORE),
            drawn(_POPULAR, *_popular(line.time, popularity, requests.popular, draws)),
            drawn(_REST, *_random(line.num_requests, num_items, requests.random, draws)),
        ],
        num_items,
    )
    start, stop = popularity.top(line.time)
    rates = [
        _rate(requests.bought_before, np.bincount(unanswered.request, minlength=line.num_requests)),
        _rate_of_draws(requests.popular, stop - start),
        _rate_of_draws(requests.random, np.full(line.num_requests, num_items)),
    ]
    answer_rate = _rate(requests.positives, np.bincount(answers.request, minlength=line.num_requests))
    log_odds = np.log(answer_rate / np.stack(rates))[source(pairs), pairs.request]
    return Sample(pairs, log_odds.astype(np.float32))


def _rate(limit: int, population: np.ndarray) -> np.ndarray:
    """How likely each of a population is among `limit` drawn without replacement: float64 [n]."""
    return np.minimum(1.0, limit / np.maximum(population, 1))


def _rate_of_draws(count: int, population: np.ndarray) -> np.ndarray:
    """How likely each of a population is among `count` drawn with replacement: float64 [n]."""
    return 1.0 - (1.0 - 1.0 / np.maximum(population, 1)) ** count


def _past(line: Timeline) -> tuple[np.ndarray, np.ndarray]:
    """What each request's history holds: (request, item) arrays, repeats included."""
    request, position = expand(line.history_start, line.history_stop)
    return request, line.past.item[position]


def _popular(time: np.ndarray, popularity: Popularity, count: int, draws: Draws) -> tuple[np.ndarray, np.ndarray]:
    """Draws `count` of the items that were popular at each request's time: (request, item) arrays."""
    start, stop = popularity.top(time)
    request, number = expand(np.zeros_like(time), np.where(stop > start, count, 0))
    among = (stop - start)[request].astype(np.uint64)
    place = start[request] + (draws.uniform(_POPULAR, request, number) % among).astype(np.int64)
    return request, popularity.top_items[place]


def _random(num_requests: int, num_items: int, count: int, draws: Draws) -> tuple[np.ndarray, np.ndarray]:
    """Draws `count` items of the catalogue for each request: (request, item) arrays."""
    request, number = np.divmod(np.arange(num_requests * count), max(count, 1))
    return request, (draws.uniform(_REST, request, number) % np.uint64(num_items)).astype(np.int64)
