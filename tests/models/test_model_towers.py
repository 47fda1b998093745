"""Item tower, query tower and cross features, by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tiny_pipeline
import tiny_shop

from models.cross_features import HALF_LIVES_DAYS, cross_features, request_features
from models.query_tower import newest
from models.settings import TrainerSettings
from schemas.statistics import STATISTICS

DIM = 8


@pytest.fixture(scope="module")
def model(shop):
    """The untrained model."""
    return tiny_pipeline.untrained(shop, shop.settings)[0]


def features(history: list[list[int]], ages: list[list[float]], kinds: list[list[int]]) -> dict[str, tf.Tensor]:
    batch = len(history)
    scalars = ("hour", "weekday", "scene", "user_age", "user_club", "context_store")
    return {
        "history_items": tf.reshape(tf.constant(history, tf.int64), [batch, -1]),
        "history_age_days": tf.reshape(tf.constant(ages, tf.float32), [batch, -1]),
        "history_kinds": tf.reshape(tf.constant(kinds, tf.int64), [batch, -1]),
        **{name: tf.zeros([batch], tf.int64) for name in scalars},
        **{name: tf.zeros([batch]) for name in ("user_income", "context_temperature")},
    }


def test_newest_events_come_first_whatever_the_order_and_the_padding():
    events = newest(
        features([[3, 0, 5, 9], [0, 0, 7, 0]], [[2.0, 0.0, 1.0, 4.0], [0, 0, 3.0, 0]], [[1, 0, 2, 1], [0, 0, 2, 0]]), 2
    )
    assert events["history_items"].numpy().tolist() == [[5, 3], [7, 0]]
    assert events["history_kinds"].numpy().tolist() == [[2, 1], [2, 0]]
    assert events["history_age_days"].numpy().tolist()[0] == [1.0, 2.0]


def test_newest_of_a_history_shorter_than_asked_for_keeps_all_of_it():
    assert newest(features([[3, 5]], [[2.0, 1.0]], [[1, 1]]), 9)["history_items"].numpy().tolist() == [[5, 3]]


def test_newest_of_an_empty_history_is_empty():
    assert newest(features([[], []], [[], []], [[], []]), 4)["history_items"].shape == (2, 0)


def embed_request(model, *lists) -> np.ndarray:
    return model.request_model.embed(features(*lists), model.item_tower).query.numpy()


def test_a_request_embedding_ignores_padding_and_order(model):
    plain = embed_request(model, [[3, 5, 9]], [[4.0, 2.0, 30.0]], [[1, 2, 1]])
    padded = embed_request(model, [[0, 3, 5, 0, 9, 0]], [[0, 4.0, 2.0, 0, 30.0, 0]], [[0, 1, 2, 0, 1, 0]])
    shuffled = embed_request(model, [[9, 5, 3]], [[30.0, 2.0, 4.0]], [[1, 2, 1]])
    np.testing.assert_allclose(padded, plain, atol=1e-6)
    np.testing.assert_allclose(shuffled, plain, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(plain, axis=1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("changed", [([[4]], [[1.0]], [[1]]), ([[3]], [[90.0]], [[1]]), ([[3]], [[1.0]], [[2]])])
def test_a_request_embedding_depends_on_item_age_and_kind(model, changed):
    assert np.abs(embed_request(model, *changed) - embed_request(model, [[3]], [[1.0]], [[1]])).max() > 1e-4


def test_an_empty_history_equals_one_of_padding_and_is_finite(model):
    empty = embed_request(model, [[]], [[]], [[]])
    assert np.isfinite(empty).all()
    np.testing.assert_allclose(embed_request(model, [[0, 0]], [[0, 0]], [[0, 0]]), empty, atol=1e-6)


def test_predictions_do_not_depend_on_padding_or_the_other_candidates(model):
    def rank(lists, candidates):
        request = model.request_model.embed(features(*lists), model.item_tower)
        candidates = tf.constant([candidates], tf.int64)
        statistics = tf.cast(candidates, tf.float32)[..., tf.newaxis] / tf.range(10.0, 10.0 + len(STATISTICS))
        return model.request_model.rank(request, candidates, statistics, model.item_tower(candidates))

    plain = rank(([[3, 5]], [[4.0, 2.0]], [[1, 2]]), [3, 8])
    padded = rank(([[3, 0, 5, 0]], [[4.0, 0, 2.0, 0]], [[1, 0, 2, 0]]), [1, 8, 0, 3])
    empty = rank(([[]], [[]], [[]]), [3, 8])
    for head, values in plain.items():
        np.testing.assert_allclose(padded[head].numpy()[0, [3, 1]], values[0], atol=1e-6)
        assert np.isfinite(empty[head]).all()
        assert np.abs(empty[head] - values).max() > 1e-4


def test_item_embeddings_have_the_shape_of_the_items_and_length_1(model):
    embedded = model.item_tower(tf.constant([[1, 2, 2], [30, 0, 1]], tf.int64)).numpy()
    assert embedded.shape == (2, 3, DIM)
    np.testing.assert_allclose(np.linalg.norm(embedded, axis=-1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(embedded[0, 1], embedded[0, 2])
    np.testing.assert_array_equal(embedded[0, 0], embedded[1, 2])


def test_the_unknown_item_has_no_id_of_its_own(model):
    (ids,) = (w for w in model.item_tower.trainable_weights if w.shape == (tiny_shop.NUM_ITEMS + 1, DIM))
    before = model.item_tower(tf.constant([0, 1], tf.int64)).numpy()
    kept = ids.numpy()
    ids.assign_add(tf.ones_like(ids))
    unknown, known = np.abs(model.item_tower(tf.constant([0, 1], tf.int64)).numpy() - before).max(axis=1)
    ids.assign(kept)
    assert unknown == 0.0
    assert known > 1e-4


def test_training_hides_ids_as_often_as_configured(shop, model):
    tower = model.item_tower
    items = tf.range(1, 31, dtype=tf.int64)
    plain = tower(items).numpy()
    changed = [np.abs(tower(items, training=True).numpy() - plain).max(axis=1) > 1e-6 for _ in range(40)]
    assert np.mean(changed) == pytest.approx(shop.config.model.id_dropout, abs=0.03)  # of 1200 draws, 3 deviations


NEVER = [0, 0, 0, 0, 0, 0, 1, 0]


def scaled(days: float) -> float:
    return math.log(1 + days) / math.log(1001)


def test_cross_features_count_decay_recency_and_span():
    # Key 7 was met 0 and 3 days ago, key 9 never; the event of key 0 and the candidate without a key match nothing.
    features = cross_features(
        tf.constant([[7, 9, 0]], tf.int64), tf.constant([[7, 7, 0, 8]], tf.int64), tf.constant([[3.0, 0.0, 0.0, 1.0]])
    ).numpy()
    half_life_3 = math.log(1 + 1 + 1 / 2)
    half_life_180 = math.log(1 + 1 + 2 ** (-3 / 180))
    assert features.shape == (1, 3, len(HALF_LIVES_DAYS) + 3)
    np.testing.assert_allclose(features[0, 0, [0, 4, 5, 6]], [half_life_3, half_life_180, math.log(3), 0], rtol=1e-5)
    np.testing.assert_allclose(features[0, 0, 7], scaled(3), rtol=1e-5)
    np.testing.assert_allclose(features[0, 1:], [NEVER, NEVER])


def test_recency_is_of_the_newest_match_and_the_span_reaches_to_the_oldest():
    features = cross_features(
        tf.constant([[7]], tf.int64), tf.constant([[7, 7, 7]], tf.int64), tf.constant([[20.0, 9.0, 44.0]])
    ).numpy()
    np.testing.assert_allclose(features[0, 0, -2:], [scaled(9), scaled(35)], rtol=1e-5)


def test_cross_features_of_one_request_know_nothing_of_another():
    history = tf.constant([[7, 0, 9], [8, 8, 7], [0, 0, 0]], tf.int64)
    ages = tf.constant([[5.0, 0.0, 2.0], [1.0, 30.0, 400.0], [0.0, 0.0, 0.0]])
    candidates = tf.constant([[7, 8], [7, 8], [7, 9]], tf.int64)
    together = cross_features(candidates, history, ages).numpy()
    alone = [cross_features(candidates[i : i + 1], history[i : i + 1], ages[i : i + 1]).numpy()[0] for i in range(3)]
    np.testing.assert_allclose(together, alone)
    np.testing.assert_allclose(together[[0, 2, 2], [1, 0, 1]], [NEVER, NEVER, NEVER])
    np.testing.assert_allclose(together[:2, 0, 6], [scaled(5), scaled(400)], rtol=1e-5)


def test_cross_features_of_an_empty_history_say_never():
    features = cross_features(tf.constant([[7]], tf.int64), tf.zeros([1, 0], tf.int64), tf.zeros([1, 0])).numpy()
    np.testing.assert_allclose(features[0, 0], NEVER)


def test_request_features_count_events_and_visits():
    # Three events in two visits, one and five days ago, out of order and with padding.
    features = request_features(tf.constant([[4, 0, 6, 4]], tf.int64), tf.constant([[1.0, 0.0, 5.0, 1.0]])).numpy()
    events, visits = features[0].reshape(2, -1)
    assert events[5] == pytest.approx(math.log(4))
    assert visits[5] == pytest.approx(math.log(3))
    assert events[0] == pytest.approx(math.log(1 + 2 * 2 ** (-1 / 3) + 2 ** (-5 / 3)))
    assert visits[0] == pytest.approx(math.log(1 + 2 ** (-1 / 3) + 2 ** (-5 / 3)))
    np.testing.assert_allclose([events[6:], visits[6:]], [[scaled(1), scaled(4)]] * 2, rtol=1e-5)


def test_request_features_of_an_empty_history_say_never():
    for history in ([[]], [[0, 0]]):
        ages = tf.zeros(tf.shape(tf.constant(history)))
        np.testing.assert_allclose(request_features(tf.constant(history, tf.int64), ages)[0], NEVER * 2)


def test_the_score_weighs_probabilities_and_values(model):
    raw = {"purchase": tf.constant([[0.0, math.log(3)]]), "spend": tf.constant([[50.0, -10.0]])}
    predictions = model.request_model.predict(raw)
    # The logits 0 and ln 3 are the probabilities 1/2 and 3/4; spend weighs 0.01.
    np.testing.assert_allclose(predictions["purchase"], [[0.5, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(predictions["spend"], raw["spend"])
    np.testing.assert_allclose(model.request_model.score(predictions), [[1.0, 0.65]], rtol=1e-6)


def test_items_differ_by_their_ids_alone_where_no_feature_trains_and_texts_stay_searchable(shop):
    features = [feature.model_copy(update={"train": False}) for feature in shop.config.features]
    settings = TrainerSettings.of(shop.config.model_copy(update={"features": features}))
    model, catalogue = tiny_pipeline.untrained(shop, settings)
    items = tf.range(1, 31, dtype=tf.int64)
    assert len(np.unique(model.item_tower(items).numpy().round(4), axis=0)) == tiny_shop.NUM_ITEMS
    (ids,) = (w for w in model.item_tower.trainable_weights if w.shape == (tiny_shop.NUM_ITEMS + 1, DIM))
    ids.assign(tf.zeros_like(ids))
    assert len(np.unique(model.item_tower(items).numpy().round(4), axis=0)) == 1
    assert tiny_shop.title(0).encode() in catalogue.texts.tolist()
