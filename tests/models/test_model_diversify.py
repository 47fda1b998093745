"""The diversifying re-ranker, against orders derived by hand and a plain greedy loop."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from models.diversify import DEPTH, POOL, diverse_order

NO_CATEGORIES = np.zeros([1000, 0], np.int32)
UNLIKE = np.eye(1000, dtype=np.float32)  # no two items have anything in common


def order(items, embeddings=UNLIKE, categories=NO_CATEGORIES, diversity=0.5) -> list[list[int]]:
    embed = functools.partial(tf.gather, tf.constant(embeddings))
    return diverse_order(tf.constant(items, tf.int64), embed, categories, diversity).numpy().tolist()


def greedy(items, embeddings, categories, diversity) -> list[int]:
    """One list, item by item, as the definition of the method reads."""

    common = (categories[items, np.newaxis] == categories[items]) & (categories[items] > 0)
    likeness = (np.maximum(embeddings[items] @ embeddings[items].T, 0) + common.mean(axis=-1)) / 2
    pool, chosen = list(range(min(len(items), POOL))), []
    while pool and len(chosen) < DEPTH:
        values = [
            (1 - diversity) * (1 - np.log1p(place) / np.log1p(POOL))
            - diversity * likeness[place, chosen].max(initial=0)
            for place in pool
        ]
        chosen.append(pool.pop(int(np.argmax(values))))
    return chosen + [place for place in range(len(items)) if place not in chosen]


def test_a_copy_of_an_item_further_up_goes_behind_what_is_different():
    embeddings = np.array([[0, 0], [1, 0], [1, 0], [0, 1]], np.float32)
    assert order([[1, 2, 3]], embeddings) == [[0, 2, 1]]


def test_a_copy_falls_back_as_if_its_rank_were_multiplied():
    embeddings = UNLIKE.copy()
    embeddings[2] = embeddings[1]
    # Rank 2 times 201^(.2 / .8) is 7.5: behind the ranks 3 to 7, before rank 8.
    (places,) = order([range(1, 101)], embeddings, diversity=0.2)
    assert places[:9] == [0, 2, 3, 4, 5, 6, 1, 7, 8]


def test_items_that_are_all_unlike_stay_as_they_were_ranked():
    assert order([range(1, 300)], diversity=0.9) == [list(range(299))]


def test_full_diversity_takes_the_least_alike_after_the_first():
    embeddings = np.array([[0, 0], [1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]], np.float32)
    # Likeness to item 1: .8, .6, 0. Then to the nearer of items 1 and 4: .8 of item 2 and .8 of item 3, a tie.
    assert order([[1, 2, 3, 4]], embeddings, diversity=1.0) == [[0, 3, 1, 2]]


def test_opposite_is_no_better_than_unrelated():
    embeddings = np.array([[0, 0], [1, 0], [0, 1], [-1, 0]], np.float32)
    assert order([[1, 2, 3]], embeddings, diversity=0.9) == [[0, 1, 2]]


def test_items_of_one_category_are_alike_and_those_of_no_known_category_are_not():
    categories = np.array([[0], [7], [7], [8], [0], [0]])
    assert order([[1, 2, 3]], categories=categories, diversity=0.5) == [[0, 2, 1]]
    assert order([[4, 5, 3]], categories=categories, diversity=0.5) == [[0, 1, 2]]


@pytest.mark.parametrize("width", [0, 1, 30, DEPTH, POOL - 1, POOL, POOL + 60])
@pytest.mark.parametrize("diversity", [0.3, 1.0])
def test_every_item_is_shown_once_and_padding_stays_last(width, diversity):
    draw = np.random.default_rng(width)
    embeddings = draw.normal(size=[1000, 4]).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    listed = width * 2 // 3
    items = np.pad(draw.permutation(np.arange(1, 1000))[:listed], [0, width - listed])
    (places,) = order(items[np.newaxis], embeddings, diversity=diversity)
    assert sorted(places) == list(range(width))
    assert places[listed:] == list(range(listed, width))


def test_only_the_head_is_filled_anew_and_only_from_the_best_ranked():
    embeddings = np.tile(np.array([[1, 0]], np.float32), [1000, 1])
    embeddings[[POOL, POOL + 1]] = [0, 1]  # the last of the pool, and the first behind it, differ from all others
    (places,) = order([range(1, POOL + 100)], embeddings, diversity=0.9)
    assert places[:2] == [0, POOL - 1]
    assert places[2:] == [place for place in range(1, POOL + 99) if place != POOL - 1]


def test_each_list_of_a_batch_is_that_of_a_plain_greedy_loop():
    draw = np.random.default_rng(5)
    embeddings = draw.normal(size=[400, 6]).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    categories = draw.integers(0, 5, [400, 3])
    items = np.stack([draw.permutation(np.arange(1, 400))[:230] for _ in range(3)])
    expected = [greedy(row, embeddings, categories, 0.4) for row in items]
    assert order(items, embeddings, categories, diversity=0.4) == expected
    assert expected[0] != list(range(230))
