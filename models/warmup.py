"""The warm-up that travels with a model: requests that a server answers before it lets the model serve.

TensorFlow Serving replays `assets.extra/tf_serving_warmup_requests` when it loads a version, so that no shopper pays
for the first run of each signature and batch size (https://www.tensorflow.org/tfx/serving/saved_model_warmup). The
requests are those that trained the model, translated back, so that their length and their items are those of traffic.
"""

import itertools
import os
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from models import dataset
from models.dataset import Catalogue
from models.preprocessing import SECONDS_A_DAY
from models.query_tower import HISTORY
from models.settings import TrainerSettings
from schemas import request_rows, signatures
from schemas.request_rows import Row

_MONDAY = (7 * 2800 + 4) * SECONDS_A_DAY  # 4 September 2023; 1970 began on a Thursday
_K = 50  # items that a warm-up request asks for
_QUERY_WORDS = 3  # people search by few words


def sample(
    files: Sequence[str], graph: tft.TFTransformOutput, catalogue: Catalogue, settings: TrainerSettings
) -> list[Row]:
    """Training requests as clients would have sent them, at most as many as the largest batch holds.

    Transform keeps the hour and the weekday of a request, so the rest of its time is made up. Its numeric context, of
    which only z-scores are left, is missing.

    Args:
        files: patterns of transformed training examples; there must be at least one.
        graph: how they were transformed.
        catalogue: the items.
        settings: of the model.
    """
    categories = ["scene", *settings.names("context", "categorical")]
    names = [*HISTORY, *categories, "hour", "weekday", "user_id", "query", "label_items", "candidate_items"]
    size = settings.serving.batch_sizes[-1]
    batches = dataset.requests(files, graph, names, size, shuffle_seed=settings.training.seed)
    features = next(batches.as_numpy_iterator())
    values = {name: [b"", *graph.vocabulary_by_name(name)] for name in categories}
    return [
        _row({name: columns[place] for name, columns in features.items()}, values, catalogue, settings)
        for place in range(len(features["user_id"]))
    ]


def _row(
    features: dict[str, np.ndarray], values: dict[str, list[bytes]], catalogue: Catalogue, settings: TrainerSettings
) -> Row:
    """One request; `values` are the strings of each categorical feature by their position."""
    now = _MONDAY + int(features["weekday"]) * SECONDS_A_DAY + int(features["hour"]) * 3600
    known = features["history_items"] > 0
    ages = features["history_age_days"][known].astype(float) * SECONDS_A_DAY
    answers = features["label_items"][features["label_items"] > 0]
    answer = answers[0] if len(answers) else 1
    candidates = features["candidate_items"][features["candidate_items"] > 0]
    row = {name: [strings[int(features[name])]] for name, strings in values.items()}
    return row | {
        "user_id": [features["user_id"]],
        "timestamp": [now],
        "history_item_ids": catalogue.item_ids[features["history_items"][known]].tolist(),
        "history_timestamps": (now - ages).astype(int).tolist(),
        "history_events": [settings.history_kinds[kind - 1].encode() for kind in features["history_kinds"][known]],
        "query": [features["query"] or b" ".join(catalogue.texts[answer].split()[:_QUERY_WORDS])],
        "item_id": [catalogue.item_ids[answer]],
        "candidate_item_ids": catalogue.item_ids[candidates].tolist(),
        "k": [_K],
    }


def write(directory: str, rows: Sequence[Row], settings: TrainerSettings) -> None:
    """Adds to a SavedModel the requests that a server replays when it loads it.

    Args:
        directory: of the SavedModel.
        rows: requests; where they are fewer than a batch holds, they come again.
        settings: of the model.
    """
    folder = os.path.join(directory, "assets.extra")
    tf.io.gfile.makedirs(folder)
    with tf.io.TFRecordWriter(os.path.join(folder, "tf_serving_warmup_requests")) as writer:
        for request in _requests(rows, settings):
            log = prediction_log_pb2.PredictLog(request=request)
            writer.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())


def _requests(rows: Sequence[Row], settings: TrainerSettings) -> Iterator[predict_pb2.PredictRequest]:
    """One for each signature and batch size."""
    for name, specs in signatures.all_inputs(settings).items():
        for size in settings.serving.batch_sizes:
            batch = list(itertools.islice(itertools.cycle(rows), size))
            values = request_rows.inputs(name, batch, settings)
            yield predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(name=settings.serving.model_name, signature_name=name),
                inputs={key: tf.make_tensor_proto(values[key], spec.dtype) for key, spec in specs.items()},
            )
