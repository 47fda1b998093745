"""Item to item: against ridge regression by column, against fits without a shopper, and in the served graph."""

import numpy as np
import pydantic
import pytest
import tensorflow as tf
import tiny_pipeline
import tiny_shop
from tiny_shop import NUM_ITEMS, item_id, user_id

from models import dataset, item_to_item, takings, trainer
from models.export import ServedProfiles, ServingModel, serve_items
from models.funnel import Funnel
from models.item_to_item import ItemToItem
from models.takings import Takings, taken_before
from pipeline import config

REGULARIZATION = 2.0
# Item 6 is taken by nobody, item 5 by one shopper, the others by two or more.
SHOPPERS = [[1, 2, 3], [1, 2], [2, 3, 4], [1, 4, 5], [3, 4]]


def takings_of(shoppers: list[list[int]]) -> Takings:
    return Takings(np.array([f"user-{n}" for n in range(len(shoppers))]), tf.ragged.constant(shoppers, tf.int64))


def regressed(shoppers: list[list[int]], taken: list[int]) -> list[float]:
    """The scores of items 1 to 5: each is predicted from the others by a ridge regression of its own."""
    matrix = np.zeros([len(shoppers), 6])
    for row, items in enumerate(shoppers):
        matrix[row, items] = 1.0
    scores = []
    for item in range(1, 6):
        others = [other for other in range(1, 6) if other != item]
        inputs = matrix[:, others]
        weights = np.linalg.solve(inputs.T @ inputs + REGULARIZATION * np.eye(4), inputs.T @ matrix[:, item])
        scores.append(sum(weight for weight, other in zip(weights, others, strict=True) if other in taken))
    return scores


def fitted(shoppers: list[list[int]], most: int = 10) -> ItemToItem:
    return item_to_item.fit(takings_of(shoppers), 6, most, REGULARIZATION)


def scores_of(model: ItemToItem, scores: tf.Tensor) -> np.ndarray:
    items = tf.repeat(tf.range(7, dtype=tf.int64)[tf.newaxis], tf.shape(scores)[0], axis=0)
    return model.of(items, scores).numpy()


def test_an_item_is_predicted_from_the_others_by_ridge_regression():
    model = fitted(SHOPPERS)
    # Repeats, padding and an item that the model does not cover change nothing.
    found = scores_of(model, model.scores(tf.constant([[2, 0, 2, 6], [1, 5, 0, 3], [0, 0, 0, 0]], tf.int64)))
    np.testing.assert_allclose(found[:, 1:6], [regressed(SHOPPERS, t) for t in ([2], [1, 3, 5], [])], atol=1e-6)
    assert not found[:, [0, 6]].any()


@pytest.mark.parametrize("shopper", range(len(SHOPPERS)))
def test_a_shopper_is_left_out_as_if_the_model_had_been_fitted_to_the_others(shopper):
    own, others = SHOPPERS[shopper], [items for row, items in enumerate(SHOPPERS) if row != shopper]
    model, taken = fitted(SHOPPERS), own[:2]
    left_out = tf.constant([own, [0] * len(own)], tf.int64)
    found = scores_of(model, model.scores(tf.constant([taken, taken], tf.int64), left_out))
    np.testing.assert_allclose(found[0, 1:6], regressed(others, taken), atol=1e-6)
    np.testing.assert_allclose(found[1, 1:6], regressed(SHOPPERS, taken), atol=1e-6)


def test_it_covers_the_items_that_most_shoppers_took():
    # Items 1 to 4 were taken by three shoppers each, item 5 by one.
    assert fitted(SHOPPERS).covered.numpy().tolist() == [0, 1, 2, 3, 4, 5]
    assert fitted(SHOPPERS, most=4).covered.numpy().tolist() == [0, 1, 2, 3, 4]
    assert fitted([[5], [5], [1, 2]], most=1).covered.numpy().tolist() == [0, 5]


def test_more_items_than_a_graph_should_hold_are_refused():
    assert config.ItemToItem(items=20_000).items == 20_000
    with pytest.raises(pydantic.ValidationError, match="less than or equal to 20000"):
        config.ItemToItem(items=20_001)


@pytest.fixture(scope="module")
def settings(shop):
    wanted = shop.settings.model.item_to_item.model_copy(update={"items": 30, "retrieved": 4, "regularization": 1.0})
    return tiny_pipeline.change(shop.settings, model={"item_to_item": wanted})


@pytest.fixture(scope="module")
def learnt(shop, settings):
    return item_to_item.learn(shop.files("train"), shop.graph, NUM_ITEMS, settings)


def positions(shop, item_ids: list[str]) -> set[int]:
    """Places in the catalogue; what is no item has none."""
    vocabulary = [name.decode() for name in shop.graph.vocabulary_by_name("items")]
    return {vocabulary.index(name) + 1 for name in item_ids if name in vocabulary}


def taken_in(row: dict) -> list[str]:
    purchased = [kind == "purchase" for kind in row["history_events"]]
    return [item for item, counts in zip(row["history_item_ids"], purchased, strict=True) if counts]


def test_what_a_shopper_took_is_in_the_history_and_in_the_answers_of_requests_that_train(shop, settings):
    found = takings.read(shop.files("train"), shop.graph, settings)
    rows = tiny_shop.splits()["train"]
    for user in range(10):
        own = [row for row in rows if row["user_id"] == [user_id(user)]]
        expected = positions(shop, [item for row in own for item in (*taken_in(row), *row["label_item_ids"])])
        assert {*found.of(tf.constant([user_id(user)]))[0].numpy()} == expected
    # Shopper 11 is held out, and nobody knows the other.
    assert found.of(tf.constant([user_id(11), "nobody"])).shape == [2, 0]
    assert found.matrix(NUM_ITEMS).shape == (11, NUM_ITEMS + 1)


def test_no_request_that_trains_is_scored_by_its_own_answer(shop, settings, learnt):
    """What is read for training is what a model without the shopper says of the history, for every shopper."""
    rows = {row["user_id"][0]: row for row in tiny_shop.splits()["train"]}
    taken = {user: learnt.taken.of(tf.constant([user]))[0].numpy().tolist() for user in rows}
    names = [*trainer.feature_names(settings), "user_id"]
    for batch in dataset.requests(shop.files("train"), shop.graph, names, 5, shuffle_seed=None):
        scored = learnt.score(batch)
        assert "user_id" not in scored
        for row, user in enumerate(batch["user_id"].numpy()):
            others = takings_of([items for name, items in taken.items() if name != user.decode()])
            model = item_to_item.fit(others, NUM_ITEMS, NUM_ITEMS, 1.0)
            alone = {name: values[row : row + 1] for name, values in batch.items()}
            expected = model.of(alone["candidate_items"], model.scores(taken_before(alone, settings)))[0].numpy()
            covered = np.isin(alone["candidate_items"][0], learnt.model.covered.numpy())
            np.testing.assert_allclose(
                scored["candidate_item_to_item"][row].numpy()[covered], expected[covered], atol=1e-4
            )


@pytest.fixture(scope="module")
def funnel(shop, settings, learnt) -> Funnel:
    """An untrained model that finds one item by embedding, four by item to item, and none by popularity."""
    settings = tiny_pipeline.change(settings, serving={"retrieved": 1, "popular": 0})
    model, catalogue = tiny_pipeline.untrained(shop, settings)
    # Untrained, the ranker has yet to create its weights.
    model.create_variables(trainer.request_batches(shop.files("train"), shop.graph, settings, learnt))
    return Funnel(model.request_model, serve_items(catalogue, model.item_tower, settings, learnt.model), settings)


@pytest.fixture(scope="module")
def serving_model(shop, settings, funnel) -> ServingModel:
    profiles = ServedProfiles(dataset.profiles(shop.files("users"), shop.graph, settings))
    return ServingModel(funnel, profiles, None, shop.graph, settings)


def best_related(shop, learnt, row: dict, excluded: set[int]) -> list[int]:
    """The items, best first, that go with what a request's shopper took, if they may be shown."""
    taken = tf.constant([[*positions(shop, taken_in(row))]], tf.int64)
    scores = learnt.model.of(tf.range(NUM_ITEMS + 1, dtype=tf.int64)[tf.newaxis], learnt.model.scores(taken))[0].numpy()
    hidden = {0, *excluded, *positions(shop, [item_id(tiny_shop.UNAVAILABLE)])}
    return [item for item in np.argsort(-scores, kind="stable").tolist() if item not in hidden]


@pytest.mark.parametrize("num_excluded", [0, 3])
def test_a_list_holds_what_goes_best_with_what_was_taken_and_is_not_excluded(
    shop, learnt, funnel, serving_model, num_excluded
):
    row = tiny_shop.request(3, 4)
    excluded = best_related(shop, learnt, row, set())[:num_excluded]
    features = serving_model.features(tiny_shop.dense_request(row))
    ranked = funnel.recommend(features, tf.constant(excluded, tf.int64, [1, num_excluded]))
    listed = {*ranked.items[0].numpy().tolist()} - {0}
    past = positions(shop, row["history_item_ids"])
    expected = {*best_related(shop, learnt, row, {*excluded})[:4]}
    assert expected <= listed
    assert not listed & {*excluded}
    # Beside them there is the history, and one item by embedding.
    assert len(listed - expected - past) <= 1


def test_the_served_ranker_reads_the_scores_of_the_whole_model(shop, learnt, funnel, serving_model):
    row = tiny_shop.request(3, 4)
    features = serving_model.features(tiny_shop.dense_request(row))
    candidates = tf.range(1, NUM_ITEMS + 1, dtype=tf.int64)[tf.newaxis]
    taken = tf.constant([[*positions(shop, taken_in(row))]], tf.int64)
    related = learnt.model.of(candidates, learnt.model.scores(taken))[..., tf.newaxis]
    statistics = tf.concat([funnel.items.statistics(candidates), related], axis=-1)
    request = funnel.request_model.embed(features, funnel.items.embed)
    raw = funnel.request_model.rank(request, candidates, statistics, funnel.items.embed(candidates))
    expected = funnel.request_model.predict(raw)
    found = funnel.rank(features, candidates)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5)
    without = funnel.request_model.rank(
        request, candidates, tf.concat([statistics[..., :-1], 0 * related], -1), funnel.items.embed(candidates)
    )
    assert not np.allclose(without["purchase"], raw["purchase"], rtol=1e-3)


def test_a_trained_model_serves_it(shop, settings, learnt, tmp_path):
    settings = tiny_pipeline.change(settings, serving={"retrieved": 1, "popular": 0})
    args = tiny_pipeline.trainer_args(shop, settings, tmp_path)
    trainer.run_fn(args)
    row = tiny_shop.request(3, 4)
    nothing, k = tf.zeros([1, 0], tf.string), tf.constant([NUM_ITEMS])
    recommend = tf.saved_model.load(args.serving_model_dir).signatures["recommend"]
    answer = recommend(**tiny_shop.dense_request(row), exclude_item_ids=nothing, k=k)
    listed = positions(shop, [name.decode() for name in answer["item_ids"][0].numpy()])
    assert {*best_related(shop, learnt, row, set())[:4]} <= listed
