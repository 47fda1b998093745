"""The funnel over an untrained model: features without skew, and search with its ties."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tiny_pipeline
import tiny_shop
from tiny_shop import item_id

from models import dataset, trainer
from models.diversify import diverse_order
from models.export import ServedProfiles, ServingModel, serve_items
from models.funnel import Funnel, ServedItems
from models.joint_model import JointModel
from models.query_tower import HISTORY, newest
from models.retrieval import PartitionedIndex
from models.text.encoder import TextEncoder


class Parts(NamedTuple):
    """What a serving model is made of."""

    model: JointModel
    items: ServedItems


@pytest.fixture(scope="module")
def parts(shop) -> Parts:
    model, catalogue = tiny_pipeline.untrained(shop, shop.settings)
    return Parts(model, serve_items(catalogue, model.item_tower, shop.settings))


def serving_model(shop, parts: Parts, **serving) -> ServingModel:
    settings = tiny_pipeline.change(shop.settings, serving=serving)
    profiles = ServedProfiles(dataset.profiles(shop.files("users"), shop.graph, settings))
    funnel = Funnel(parts.model.request_model, parts.items, settings)
    return ServingModel(funnel, profiles, parts.model.item_tower.text.encoder, shop.graph, settings)


@pytest.mark.parametrize("width", [4, 7])
def test_the_served_graph_computes_the_features_that_transform_wrote(shop, parts, width):
    rows = tiny_shop.splits()["eval"]
    served = serving_model(shop, parts).features(tiny_shop.dense_request(*rows, width=width))
    names = [*HISTORY, "hour", "weekday", "scene", "context_store", "context_temperature"]
    names += ["user_age", "user_club", "user_income"]
    written = next(iter(dataset.requests(shop.files("eval"), shop.graph, names, len(rows), shuffle_seed=None)))
    written |= newest(written, 8)
    for name in names:
        values = served[name].numpy()
        if name in HISTORY:
            known = written["history_items"].numpy() > 0
            values, expected = values[:, : known.shape[1]][known], written[name].numpy()[known]
        else:
            expected = written[name].numpy()
        np.testing.assert_array_equal(values, expected, err_msg=name)


def search(shop, parts: Parts, query: str, exclude: tuple[str, ...] = (), **serving) -> list[str]:
    found = serving_model(shop, parts, **serving).search(
        query=tf.constant([query]),
        exclude_item_ids=tf.constant(exclude, tf.string, [1, len(exclude)]),
        k=tf.constant([100]),
        **tiny_shop.dense_request(tiny_shop.request(3, 4)),
    )
    return [item.decode() for item in found["item_ids"].numpy()[0] if item]


def test_of_items_that_match_alike_the_popular_ones_are_found(shop, parts):
    apples = [item_id(item) for item in range(0, tiny_shop.NUM_ITEMS, 6)]  # the most popular first
    assert set(search(shop, parts, "apple", retrieved=3)) == set(apples[:3])
    assert set(search(shop, parts, "apple", exclude=(apples[1],), retrieved=3)) == {apples[0], *apples[2:4]}


def test_without_a_personal_weight_search_goes_by_text_alone(shop, parts):
    found = search(shop, parts, "green pear", personal_search_weight=0.0)
    titles = [tiny_shop.title(int(item.removeprefix("item-"))) for item in found]
    matches = [("green" in title) + ("pear" in title) for title in titles]
    assert matches[0] == 2
    assert matches == sorted(matches, reverse=True)


def test_a_catalogue_smaller_than_what_may_be_retrieved_is_retrieved_whole(shop, parts):
    available = {item_id(item) for item in range(tiny_shop.NUM_ITEMS)} - {item_id(tiny_shop.UNAVAILABLE)}
    assert set(search(shop, parts, "fig", retrieved=1000)) == available
    similar = serving_model(shop, parts, retrieved=1000).similar(tf.constant([item_id(5)]), tf.constant([1000]))
    assert {item.decode() for item in similar["item_ids"].numpy()[0] if item} == available - {item_id(5)}


def test_a_shop_may_list_nothing_by_popularity_alone(shop, parts):
    answer = serving_model(shop, parts, popular=0).recommend(
        exclude_item_ids=tf.zeros([1, 0], tf.string),
        k=tf.constant([20]),
        **tiny_shop.dense_request(tiny_shop.request(3, 4)),
    )
    assert {reason for reason in answer["reasons"].numpy()[0] if reason} == {b"bought_before", b"for_you"}


def test_texts_are_encoded_once(shop):
    class Counting(TextEncoder):
        """Remembers the texts that it encoded."""

        def call(self, texts, training=None):
            encoded.extend(texts.numpy().tolist())
            return super().call(texts, training)

    encoded = []
    settings = shop.settings
    catalogue = dataset.catalogue(shop.files("catalog"), shop.graph, settings)
    model = trainer.build(settings, shop.graph, catalogue, Counting(**settings.model.text.model_dump()))
    serve_items(catalogue, model.item_tower, shop.settings)
    assert sorted(encoded) == sorted({b"", *catalogue.texts})


def recommend(model: ServingModel) -> dict[str, np.ndarray]:
    answer = model.recommend(
        exclude_item_ids=tf.constant([[item_id(4)]]),
        k=tf.constant([30]),
        **tiny_shop.dense_request(tiny_shop.request(3, 4)),
    )
    return {name: values.numpy()[0] for name, values in answer.items()}


def test_diversity_changes_the_order_and_nothing_else(shop, parts):
    plain, diverse = (recommend(serving_model(shop, parts, diversity=knob)) for knob in (0.0, 0.6))
    assert diverse["item_ids"].tolist() != plain["item_ids"].tolist()
    for name in ("scores", "reasons"):
        of_items = dict(zip(plain["item_ids"], plain[name], strict=True))
        assert dict(zip(diverse["item_ids"], diverse[name], strict=True)) == of_items
    places = tf.constant(np.arange(len(plain["item_ids"])))[tf.newaxis]
    items = parts.items.positions(tf.constant(plain["item_ids"]))[tf.newaxis]
    order = diverse_order(items, parts.items.embed, parts.model.request_model.categories, 0.6)
    expected = plain["item_ids"][tf.gather(places, order, batch_dims=1).numpy()[0]]
    assert diverse["item_ids"].tolist() == expected.tolist()


def test_a_catalogue_searched_by_partitions_keeps_the_rules_of_the_list(shop, parts):
    serving = {"approximate_above": 0, "scanned": 20, "retrieved": 10, "popular": 0}
    settings = tiny_pipeline.change(shop.settings, serving=serving)
    _, catalogue = tiny_pipeline.untrained(shop, shop.settings)
    items = serve_items(catalogue, parts.model.item_tower, settings)
    assert isinstance(items.index, PartitionedIndex)
    answer = recommend(serving_model(shop, Parts(parts.model, items), **serving))
    listed = {item.decode() for item in answer["item_ids"] if item}
    history = {
        event.decode() for event in tiny_shop.dense_request(tiny_shop.request(3, 4))["history_item_ids"].numpy()[0]
    }
    assert len(listed) >= 10
    assert not listed & {item_id(4), item_id(tiny_shop.UNAVAILABLE)}
    assert listed >= history - {"", item_id(4), item_id(tiny_shop.UNAVAILABLE)}
