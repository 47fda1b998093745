"""The warm-up that the exported model carries: one record a signature and batch size, made of real requests."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tiny_shop
from tensorflow_serving.apis import prediction_log_pb2

from models import dataset, warmup
from schemas import request_rows, signatures

TRAIN = [request_rows.row_of(tiny_shop.encode(row)) for row in tiny_shop.splits()["train"]]


@pytest.fixture(scope="module")
def requests(saved_model) -> list:
    path = pathlib.Path(saved_model, "assets.extra", "tf_serving_warmup_requests")
    records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    return [prediction_log_pb2.PredictionLog.FromString(record).predict_log.request for record in records]


@pytest.fixture(scope="module")
def rows(shop) -> list[request_rows.Row]:
    catalogue = dataset.catalogue(shop.files("catalog"), shop.graph, shop.settings)
    return warmup.sample(shop.files("train"), shop.graph, catalogue, shop.settings)


def test_each_signature_is_warmed_up_with_each_batch_size_once(requests):
    sizes = {}
    for request in requests:
        first = next(iter(request.inputs.values()))
        sizes.setdefault(request.model_spec.signature_name, []).append(first.tensor_shape.dim[0].size)
    names = ["recommend", "search", "similar", "rank", "serving_default"]
    assert sizes == {name: [1, 2, 4, 8, 16, 32] for name in names}


def test_every_record_is_answered_by_the_exported_signatures(requests, served):
    for request in requests:
        values = {name: tf.constant(tf.make_ndarray(proto)) for name, proto in request.inputs.items()}
        answer = served[request.model_spec.signature_name](**values)
        key = "score" if request.model_spec.signature_name == "rank" else "scores"
        assert answer[key].shape[1] > 0
        assert np.isfinite(answer[key]).all()
        if key == "scores":
            assert (answer["item_ids"].numpy()[:, 0] != b"").all()


def test_requests_are_those_that_trained_the_model(rows):
    kept = ("user_id", "history_item_ids", "history_events", "scene", "context_store", "candidate_item_ids")
    trained = [[row[name] for name in kept] for row in TRAIN]
    for row in rows:
        assert [row[name] for name in kept] in trained
    assert len({(row["user_id"][0], *row["history_item_ids"]) for row in rows}) == 32


def test_a_request_translated_back_is_transformed_into_the_same_features(shop, rows):
    names = signatures.request_inputs(shop.settings)

    def features(row: request_rows.Row) -> list[list]:
        raw = tf.io.parse_example([request_rows.example_of(row, names)], shop.graph.raw_feature_spec())
        transformed = shop.graph.transform_features_layer()(raw)
        ages = np.round(transformed["history_age_days"].values, 3)
        kept = [transformed[name].values for name in ("history_items", "history_kinds")]
        kept += [transformed[name] for name in ("hour", "weekday", "scene", "context_store")]
        return [np.asarray(values).tolist() for values in (ages, *kept)]

    row = rows[0]
    assert features(row) in [features(other) for other in TRAIN if other["history_item_ids"] == row["history_item_ids"]]


def test_a_search_is_a_few_words_of_an_item_that_the_shopper_took(rows):
    titles = {tiny_shop.item_id(item).encode(): tiny_shop.title(item).encode() for item in range(tiny_shop.NUM_ITEMS)}
    for row in rows:
        assert row["query"] == [titles[row["item_id"][0]]]


def test_fewer_requests_than_a_batch_holds_come_again(shop, rows, tmp_path):
    warmup.write(str(tmp_path), rows[:3], shop.settings)
    records = tf.data.TFRecordDataset(str(tmp_path / "assets.extra" / "tf_serving_warmup_requests"))
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records.as_numpy_iterator()]
    largest = logs[5].predict_log.request
    users = tf.make_ndarray(largest.inputs["user_id"]).tolist()
    assert users == ([row["user_id"][0] for row in rows[:3]] * 11)[:32]
