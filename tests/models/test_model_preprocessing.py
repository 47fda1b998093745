"""What the Transform graph makes of raw examples; the numbers are derived by hand from `tiny_shop`."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tiny_shop

from models import dataset

ODD = tiny_shop.NUM_USERS  # row of `odd_request` in the split `eval`
PARTIAL = tiny_shop.WITHOUT_PROFILE_VALUES


def read(shop, split: str) -> list[dict]:
    """The split's transformed examples, a dict of arrays each."""
    spec = shop.graph.transformed_feature_spec()
    rows = []
    for serialized in tf.data.TFRecordDataset(tf.io.gfile.glob(shop.files(split)), "GZIP"):
        row = tf.io.parse_single_example(serialized, spec)
        rows.append({k: (v.values if isinstance(v, tf.SparseTensor) else v).numpy() for k, v in row.items()})
    return rows


@pytest.fixture(scope="module")
def items(shop) -> dict:
    return {row["item_id"].decode(): row for row in read(shop, "catalog")}


@pytest.fixture(scope="module")
def evaluated(shop) -> list[dict]:
    return read(shop, "eval")


def test_the_vocabulary_of_items_starts_at_1(items):
    assert sorted(row["item"] for row in items.values()) == list(range(1, 31))


def test_history_and_candidates_go_by_the_catalogues_positions(items, evaluated):
    request = tiny_shop.request(3, 4)
    row = evaluated[3]
    for raw, transformed in (
        ("history_item_ids", "history_items"),
        ("label_item_ids", "label_items"),
        ("candidate_item_ids", "candidate_items"),
    ):
        assert row[transformed].tolist() == [items[item_id]["item"] for item_id in request[raw]]


def test_unknown_items_and_kinds_outside_the_history_are_0(items, evaluated):
    row = evaluated[ODD]
    # item-03 bought, an unknown item bought, item-04 clicked, item-05 put on the wish list.
    assert row["history_items"].tolist() == [items["item-03"]["item"], 0, items["item-04"]["item"], 0]
    assert row["history_kinds"].tolist() == [1, 1, 2, 0]
    assert row["candidate_items"].tolist() == [items["item-03"]["item"], 0]


def test_ages_are_days_before_the_request_and_never_negative(evaluated):
    np.testing.assert_allclose(evaluated[ODD]["history_age_days"], [1.5, 1.0, 0.0, 1.0])


def test_hour_and_weekday_are_of_the_request_in_utc(evaluated):
    assert (evaluated[ODD]["weekday"], evaluated[ODD]["hour"]) == (0, 0)  # Monday, 00:00
    assert (evaluated[0]["weekday"], evaluated[0]["hour"]) == (6, 12)  # Sunday, 12:26


def test_unknown_and_missing_categories_are_0(evaluated):
    assert evaluated[0]["context_store"] > 0
    assert evaluated[ODD]["context_store"] == 0  # unknown
    assert evaluated[ODD]["scene"] == 0  # missing
    assert evaluated[PARTIAL]["user_age"] == 0


def test_a_feature_that_nobody_has_is_0_throughout(shop, evaluated):
    assert {int(row["user_club"]) for row in evaluated} == {0}
    assert shop.graph.vocabulary_size_by_name("user_club") >= 0


def test_categories_of_different_values_differ(items):
    brands = {row["item_brand"]: item_id for item_id, row in items.items()}
    assert sorted(brands) == [1, 2, 3, 4, 5]
    assert items["item-03"]["item_brand"] == items["item-08"]["item_brand"] != items["item-04"]["item_brand"]


def test_numbers_are_z_scores_clipped_at_5(items):
    # 27 prices of 2 and one of 30: mean 84 / 28 = 3, variance (27 * 1 + 27 * 27) / 28 = 27.
    np.testing.assert_allclose(items["item-00"]["item_price"], -1 / math.sqrt(27), rtol=1e-5)
    assert 27 / math.sqrt(27) > 5
    assert items[tiny_shop.item_id(tiny_shop.DEAR)]["item_price"] == 5.0


@pytest.mark.parametrize("item", [tiny_shop.WITHOUT_PRICE, tiny_shop.NAN_PRICE])
def test_a_missing_number_is_the_mean_and_spoils_no_other(items, item):
    assert items[tiny_shop.item_id(item)]["item_price"] == 0.0


def test_scales_are_learnt_from_training_requests(evaluated):
    # Half of the training requests are by shoppers who earn 10 and half by those who earn 20: mean 15, deviation 5.
    np.testing.assert_allclose([evaluated[user]["user_income"] for user in (0, 9, PARTIAL)], [-1, 1, 0], atol=1e-6)


def test_sampling_odds_are_kept(evaluated):
    assert evaluated[ODD]["candidate_sampling_log_odds"].tolist() == [1.5, -0.5]


def test_labels_without_a_value_stay_nan(evaluated):
    np.testing.assert_array_equal(evaluated[ODD]["candidate_spend"], np.array([7.5, np.nan], np.float32))


def test_texts_of_an_item_are_joined(items):
    assert items["item-07"]["item_text"] == b"blue pear"


def test_statistics_are_the_logarithms_of_1_plus_the_counts(items, evaluated):
    # The counts are 30 of item-00, and 9 and 0 of the candidates; statistic n is the count divided by n + 1.
    expected = {"popularity": (31, 10), "popularity_long": (11, 4), "repeat_days": (6, 2.5)}
    for name, (item, candidate) in expected.items():
        np.testing.assert_allclose(items["item-00"][f"item_{name}"], math.log(item), rtol=1e-6)
        np.testing.assert_allclose(evaluated[ODD][f"candidate_{name}"], [math.log(candidate), 0], rtol=1e-6)


def test_items_are_available_unless_the_shop_says_otherwise(items):
    assert items[tiny_shop.item_id(tiny_shop.WITHOUT_PRICE)]["item_available"] == 1
    assert items[tiny_shop.item_id(tiny_shop.UNAVAILABLE)]["item_available"] == 0


def test_the_catalogue_is_ordered_by_position_with_the_unknown_item_first(shop, items):
    catalogue = dataset.catalogue(shop.files("catalog"), shop.graph, shop.settings)
    assert catalogue.item_ids[0] == catalogue.texts[0] == b""
    assert [items[item_id.decode()]["item"] for item_id in catalogue.item_ids[1:]] == list(range(1, 31))
    place = items["item-07"]["item"]
    assert catalogue.texts[place] == b"blue pear"
    assert catalogue.categories[place].tolist() == [items["item-07"]["item_brand"]]
    # The count of item-07 is 23; statistic n is the count divided by n + 1.
    expected = [math.log1p(23 / divisor) for divisor in range(1, 7)]
    np.testing.assert_allclose(catalogue.statistics[place], expected, rtol=1e-6)
    np.testing.assert_allclose(catalogue.popularity[place], math.log(24), rtol=1e-6)
    assert catalogue.statistics.dtype == catalogue.popularity.dtype == np.float32
    assert not catalogue.available[items["item-29"]["item"]]
    assert not catalogue.categories[0].any()
    assert not catalogue.numbers[0].any()
    assert not catalogue.statistics[0].any()
    assert not catalogue.available[0]


def test_an_item_that_comes_twice_is_named(shop, tmp_path):
    records = list(tf.data.TFRecordDataset(tf.io.gfile.glob(shop.files("catalog")), "GZIP").as_numpy_iterator())
    with tf.io.TFRecordWriter(str(tmp_path / "items.gz"), "GZIP") as writer:
        for record in [*records, records[4]]:
            writer.write(record)
    twice = tf.train.Example.FromString(records[4]).features.feature["item_id"].bytes_list.value[0].decode()
    with pytest.raises(ValueError, match=f"{twice}.*twice"):
        dataset.catalogue([str(tmp_path / "*")], shop.graph, shop.settings)


def test_an_empty_catalogue_is_refused(shop, tmp_path):
    tf.io.TFRecordWriter(str(tmp_path / "items.gz"), "GZIP").close()
    with pytest.raises(ValueError, match="empty"):
        dataset.catalogue([str(tmp_path / "*")], shop.graph, shop.settings)


def test_a_shop_may_have_no_profiles(shop, tmp_path):
    tf.io.TFRecordWriter(str(tmp_path / "users.gz"), "GZIP").close()
    profiles = dataset.profiles([str(tmp_path / "*")], shop.graph, shop.settings)
    assert len(profiles.user_ids) == 0
    assert profiles.features["user_age"].dtype == np.int64
    assert profiles.features["user_income"].dtype == np.float32


def test_batches_are_padded_to_their_longest_list(shop):
    names = ["history_items", "candidate_items", "candidate_spend"]
    batches = list(dataset.requests(shop.files("eval"), shop.graph, names, batch_size=5, shuffle_seed=None))
    assert [len(batch["history_items"]) for batch in batches] == [5, 5, 3]
    lengths = [len(tiny_shop.request(user, 4)["candidate_item_ids"]) for user in range(5)]
    assert batches[0]["candidate_items"].shape[1] == max(lengths)
    for row, length in zip(batches[0]["candidate_items"].numpy(), lengths, strict=True):
        assert (row[:length] > 0).all()
        assert not row[length:].any()


def test_shuffling_is_reproducible_and_differs_between_epochs(shop):
    def epochs(seed):
        batches = dataset.requests(shop.files("train"), shop.graph, ["history_items"], 40, seed)
        return [next(iter(batches))["history_items"].numpy().tolist() for _ in range(2)]

    assert epochs(1) == epochs(1)
    assert epochs(1)[0] != epochs(1)[1]
    assert epochs(1) != epochs(2)
