"""Warm-up requests as a SavedModel brings them along."""

import pathlib
from collections.abc import Iterable

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

PredictionLog = prediction_log_pb2.PredictionLog


def predict_similar(item_id: str = "item-0", signature_name: str = "similar") -> PredictionLog:
    """The cheapest request to the toy model."""
    log = PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "toy"
    request.model_spec.signature_name = signature_name
    request.inputs["item_id"].CopyFrom(tf.make_tensor_proto([item_id]))
    request.inputs["k"].CopyFrom(tf.make_tensor_proto([1]))
    return log


def write_warmup(version_folder: pathlib.Path, logs: Iterable[PredictionLog | bytes]) -> pathlib.Path:
    """Writes the file that TensorFlow Serving looks for; bytes are written as they are."""
    file = version_folder / "assets.extra" / "tf_serving_warmup_requests"
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for log in logs:
            writer.write(log if isinstance(log, bytes) else log.SerializeToString())
    return file
