"""Slices that features of requests do not tell, inside the Evaluator and by themselves."""

import numpy as np
import pytest
import tensorflow as tf
from toy_evaluation import evaluate

from components.evaluation import slicing
from components.evaluation.slices import slice_name

BRAND = {"name": "brand", "role": "item", "kind": "categorical"}
# p makes four fifths of the takings, so that all others are rare.
CATALOGUE = [
    {"item_id": [item], "item_popularity": [popularity], "item_available": [1], "item_brand": [brand]}
    for item, popularity, brand in [("p", 90.0, "own"), ("a", 9.0, "own"), ("b", 1.0, "x"), ("c", 0.0, "x")]
]
# Ten shoppers; shopper i had taken i items before. All are new but the last.
REQUESTS = [
    {
        "user_id": [f"u{user}"],
        "shopper": ["returning" if user == 9 else "new"],
        "past_item_ids": [f"old{item}" for item in range(user)],
        "label_item_ids": ["p", "a"] if user < 5 else ["p", "b", "c", "unheard-of"],
        "first_time_item_ids": ["a"] if user < 5 else ["b"],
        "candidate_item_ids": ["p", "a"],
        "candidate_purchase": [1.0, 0.0],
        "candidate_sampling_log_odds": [0.0, 0.0],
    }
    for user in range(10)
]
LISTS = [["p", "b", ""] if user < 9 else ["b", "c", ""] for user in range(10)]
SLICES = [["activity"], ["label_rarity"], ["label_brand"], ["shopper", "label_brand"], ["label_rarity", "label_brand"]]


@pytest.fixture(scope="module")
def slices(shop_config, tmp_path_factory):
    config = shop_config([BRAND], cutoffs=[2], slices=SLICES)
    root = tmp_path_factory.mktemp("sliced")
    found = evaluate(root, config, REQUESTS, CATALOGUE, LISTS, LISTS[::-1], predictions=({"p": 0.9, "a": 0.1}, None))
    return {slice_name(one.slice): one for one in found.report.slices}


def test_shoppers_are_sliced_by_the_decile_of_what_they_had_taken(slices):
    found = {name: one for name, one in slices.items() if name.startswith("activity")}
    assert list(found) == [f"activity={place + 1:02} ({place} to {place})" for place in range(9)] + [
        "activity=10 (9 or more)"
    ]
    assert [one.candidate["requests"] for one in found.values()] == [1] * 10
    # Shopper 9 took p, b, c and something unheard of, and was shown b and c.
    assert found["activity=10 (9 or more)"].candidate["recall@2"] == pytest.approx(2 / 4)
    assert found["activity=01 (0 to 0)"].candidate["purchase/auc"] == 1


def test_a_slice_by_what_was_taken_judges_the_lists_by_that_alone(slices):
    # Everyone took p; nine of ten were shown it.
    common = slices["label_rarity=common"].candidate
    assert (common["requests"], common["recall@2"]) == (10, pytest.approx(9 / 10))
    # Of the rare items, shoppers 0 to 4 took a, which is never shown, 5 to 9 took b and c: b is shown to all of them,
    # c to the last.
    rare = slices["label_rarity=rare"].candidate
    assert (rare["requests"], rare["recall@2"]) == (10, pytest.approx((0 * 5 + 4 / 2 + 2 / 2) / 10))
    # Their first-time items are a or b; nothing that is common was taken for the first time.
    assert rare["first_time/recall@2"] == pytest.approx(5 / 10)
    assert common["first_time/requests"] == 0
    assert slices["label_rarity=unknown"].candidate["requests"] == 5


def test_both_models_are_judged_by_the_same_labels(slices):
    rare = slices["label_rarity=rare"]
    # The baseline shows b and c to shopper 0 alone, and b to all.
    assert rare.baseline["recall@2"] == pytest.approx(5 / 2 / 10)
    assert rare.measured("recall@2").change == pytest.approx(3 / 10 - 2.5 / 10)


def test_slices_by_what_was_taken_are_crossed_with_others_and_with_each_other(slices):
    assert slices["label_brand=own, shopper=returning"].candidate["recall@2"] == 0
    assert slices["label_brand=x, shopper=returning"].candidate["recall@2"] == 1
    assert slices["label_brand=own, label_rarity=common"].candidate["requests"] == 10
    assert slices["label_brand=own, label_rarity=rare"].candidate["requests"] == 5
    assert slices["label_brand=x, label_rarity=rare"].candidate["requests"] == 5
    assert "label_brand=x, label_rarity=common" not in slices


def test_requests_as_a_whole_are_counted_once(slices):
    overall = slices["overall"].candidate
    assert overall["requests"] == 10
    assert overall["recall@2"] == pytest.approx((5 / 2 + 4 * 2 / 4 + 2 / 4) / 10)


def test_what_lists_are_like_and_what_heads_predict_is_not_told_by_label(slices):
    assert np.isnan(slices["label_rarity=rare"].candidate["purchase/auc"])
    assert np.isnan(slices["label_rarity=rare"].candidate["novelty@2"])
    assert slices["overall"].candidate["purchase/auc"] == 1


def test_shoppers_who_had_taken_as_much_are_in_one_decile():
    bounds = [0, 0, 0, 2, 2, 5, 7, 9, 12]
    assert [slicing.activity(bounds, count) for count in (0, 1, 2, 3, 12, 13)] == [
        "01 (0 to 0)", "04 (1 to 2)", "04 (1 to 2)", "06 (3 to 5)", "09 (10 to 12)", "10 (13 or more)"
    ]  # fmt: skip


def test_the_bounds_of_deciles_are_those_of_the_split(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "examples.gz"), "GZIP") as writer:
        for count in range(100, 0, -1):
            example = tf.train.Example()
            example.features.feature["past_item_ids"].bytes_list.value.extend([b"a"] * count)
            writer.write(example.SerializeToString())
    assert slicing.activity_bounds(f"{tmp_path}/*") == [10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert slicing.activity_bounds(f"{tmp_path}/nothing*") == [0] * 9
