"""Similar items by hand: three offered items, their embeddings, texts and takings."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tiny_shop

from models.dataset import Catalogue
from models.funnel import ServedItems
from models.settings import TrainerSettings
from models.similar import similar_items
from schemas.statistics import STATISTICS

# Item 1 is asked for. By its embedding item 2 is the nearest (.8), by its text item 3 (.6), whose embedding says .6 and
# 0. Item 4 has no text, item 5 is not offered though it is equal in both.
_EMBEDDINGS = [[0, 0], [1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1], [1, 0]]
_TEXTS = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0.6, 0.8, 0]]
_TEXT_ROWS = [0, 1, 2, 3, 0, 1]
_OFFERED = [False, True, True, True, True, False]


@pytest.fixture
def items():
    """Makes the catalogue, in which item 1 was taken so often."""

    def make(taken: int, popularity: tuple[float, ...] = (0, 0, 0, 0, 0, 0)) -> ServedItems:
        statistics = np.zeros([6, len(STATISTICS)], np.float32)
        statistics[1, STATISTICS.index("taken")] = np.log1p(taken)
        statistics[:, STATISTICS.index("popularity")] = popularity
        catalogue = Catalogue(
            np.array([b"", b"a", b"b", b"c", b"d", b"e"]),
            np.zeros(6, bytes),
            np.zeros([6, 0], np.int32),
            np.zeros([6, 0], np.float32),
            statistics,
            np.array(_OFFERED),
        )
        settings = TrainerSettings.of(tiny_shop.config(pathlib.Path("no text modules")))
        return ServedItems(
            catalogue, np.array(_EMBEDDINGS, np.float32), np.array(_TEXTS, np.float32), np.array(_TEXT_ROWS), settings
        )

    return make


def _scores(items: ServedItems, item: int, text_takings: float, count: int = 6, popularity_weight: float = 0.1):
    found, scores = similar_items(items, tf.constant([item], tf.int64), count, text_takings, popularity_weight)
    pairs = zip(found.numpy()[0].tolist(), scores.numpy()[0].tolist(), strict=True)
    return {place: pytest.approx(score, abs=1e-6) for place, score in pairs if score != float("-inf")}


def test_an_item_that_nobody_took_goes_by_its_text(items):
    assert _scores(items(taken=0), 1, text_takings=10) == {2: 0.0, 3: 0.6, 4: 0.0}


def test_the_text_weighs_a_third_for_an_item_taken_twice_as_often_as_the_half_way_point(items):
    # 1/3 of the text's 0, .6 and 0, and 2/3 of the embedding's .8, .6 and 0
    assert _scores(items(taken=20), 1, text_takings=10) == {2: 1.6 / 3, 3: 0.6, 4: 0.0}


def test_without_takings_to_go_by_the_embedding_alone_decides(items):
    assert _scores(items(taken=0), 1, text_takings=0) == {2: 0.8, 3: 0.6, 4: 0.0}


def test_an_item_without_a_text_goes_by_its_embedding(items):
    assert _scores(items(taken=0), 4, text_takings=10) == {1: 0.0, 2: 0.6, 3: 0.8}


def test_an_unknown_item_is_like_none(items):
    assert _scores(items(taken=0), 0, text_takings=10) == {}


def test_what_only_the_text_finds_is_listed_beside_what_the_embedding_finds(items):
    # one by each: item 2 is the embedding's, item 3 the text's; both weigh half
    assert _scores(items(taken=10), 1, text_takings=10, count=1) == {2: 0.4, 3: 0.6}


def test_of_items_with_one_text_the_popular_one_comes_first(items):
    popular = items(taken=0, popularity=(0, 0, 3, 0, 0, 0))  # of at most 3 + 1, so item 2 has .75
    assert _scores(popular, 1, text_takings=10) == {2: 0.075, 3: 0.6, 4: 0.0}
