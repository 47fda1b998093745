"""Properties of lists on a catalogue of six items, worked by hand."""

import math

import numpy as np
import pytest

from components.evaluation.metrics import lists
from components.evaluation.metrics.catalogue import Catalogue
from components.evaluation.metrics.request import JudgedRequest
from components.evaluation.metrics.selection import Selection

# a and b are the short head: 60 + 20 of 100 takings are the 80 % that are not rare.
ITEMS = {  # popularity, offered, category
    b"a": (60, True, b"fruit"),
    b"b": (20, True, b"fruit"),
    b"c": (10, True, b"dairy"),
    b"d": (10, False, b"dairy"),
    b"e": (0, True, b"bread"),
    b"f": (0, True, b""),
}
# In the plane: a and b point the same way, c at a right angle to them, d against them.
EMBEDDINGS = [[2, 0], [1, 0], [0, 3], [-1, 0], [0, 1], [0, 1]]
EVERYTHING = Selection((3,), has_catalogue=True, has_category=True, has_embeddings=True)


@pytest.fixture
def catalogue():
    return Catalogue(ITEMS, *zip(*ITEMS.values(), strict=True), embeddings=np.array(EMBEDDINGS, np.float16))


def _request(recommended=(), relevant=(), past=()) -> JudgedRequest:
    return JudgedRequest(b"u", list(recommended), list(relevant), [], list(past))


def test_items_beyond_those_with_four_fifths_of_the_takings_are_rare(catalogue):
    assert catalogue.rare.tolist() == [False, False, True, True, True, True]


def test_items_as_popular_as_the_last_of_the_short_head_are_in_it_too():
    # The first two have 80 of the 110 takings, less than 88; the third is needed, and the fourth is no rarer.
    catalogue = Catalogue(range(5), [60, 20, 10, 10, 10], [1] * 5, [b""] * 5)
    assert catalogue.rare.tolist() == [False] * 5


def test_without_any_taking_every_item_is_rare():
    assert Catalogue([b"a", b"b"], [0, 0], [1, 1], [b"", b""]).rare.all()


@pytest.mark.parametrize(
    ("kind", "request_", "expected"),
    [
        # Two of the three first items were taken before; the fourth is beyond the cutoff.
        (lists.RepeatShare, _request([b"a", b"b", b"c", b"d"], past=[b"a", b"c", b"d"]), (2 / 3, 1)),
        # An item counts at its first place only, so three places hold a, b and c.
        (lists.RepeatShare, _request([b"a", b"a", b"b", b"c"], past=[b"c"]), (1 / 3, 1)),
        # d is not offered, and nothing offers x.
        (lists.AvailableShare, _request([b"a", b"d", b"x", b"b"]), (1 / 3, 1)),
        # Of the items that the catalogue has, a is popular and e is rare.
        (lists.RareShare, _request([b"a", b"e", b"x"]), (1 / 2, 1)),
        # Of the rare items taken, c and e, the list has c; a is not rare.
        (lists.RareRecall, _request([b"a", b"c"], relevant=[b"a", b"c", b"e"]), (1 / 2, 1)),
        (lists.RareRecall, _request([b"a", b"b", b"f", b"c"], relevant=[b"c"]), (0, 1)),
        (lists.RareRecall, _request([b"a"], relevant=[b"a"]), (0, 0)),
        # Each of 6 items counts once more than its takings, 106 in all: a has 61, e has 1.
        (lists.Novelty, _request([b"a", b"e"]), ((math.log2(106 / 61) + math.log2(106)) / 2, 1)),
        # Shown 60 and 20, taken 20 and 0.
        (lists.PopularityLift, _request([b"a", b"b"], relevant=[b"b", b"e"]), (40, 10)),
        (lists.PopularityLift, _request([b"a"], relevant=[b"x"]), (0, 0)),
        # Of the pairs ab, ac and bc the first is alike.
        (lists.CategoryDiversity, _request([b"a", b"b", b"c"]), (2 / 3, 1)),
        (lists.CategoryDiversity, _request([b"a"]), (0, 0)),
        # Cosines: ab 1, ac 0, bc 0; the lengths of the vectors do not matter, and nor does x, which has none.
        (lists.EmbeddingDiversity, _request([b"a", b"b", b"c"]), (1 - 1 / 3, 1)),
        (lists.EmbeddingDiversity, _request([b"a", b"x", b"d"]), (2, 1)),
        (lists.EmbeddingDiversity, _request([b"a"]), (0, 0)),
        # The past is 2/3 fruit and 1/3 dairy; the list 1/2 fruit, no dairy and 1/2 bread, smoothed by 0.01.
        (
            lists.Miscalibration,
            _request([b"a", b"e"], past=[b"a", b"b", b"c"]),
            (2 / 3 * math.log((2 / 3) / (0.99 / 2 + 0.01 * 2 / 3)) + 1 / 3 * math.log(1 / 0.01), 1),
        ),
        (lists.Miscalibration, _request([b"a", b"c"], past=[b"b", b"d"]), (0, 1)),
        (lists.Miscalibration, _request([b"a"]), (0, 0)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_metric_of_three_places_matches_its_definition_worked_by_hand(kind, request_, expected, catalogue):
    assert kind(3, catalogue).of(request_) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", [kind for kind, _ in lists.kinds(EVERYTHING) if kind is not lists.RareRecall])
def test_an_empty_list_says_nothing(kind, catalogue):
    request = _request([b"", b""], relevant=[b"a"], past=[b"a"])
    assert kind(3, catalogue).of(request) == lists.NOT_COUNTED
