"""Replays the requests that a SavedModel brings along, so that no shopper pays for the first call of a function.

The rules are TensorFlow Serving's (`saved_model_warmup_util.cc`, `saved_model_bundle_warmup.cc`): the requests are
PredictionLogs in the TFRecord file `assets.extra/tf_serving_warmup_requests`, at most 1000 of them, and a model that
refuses one of them is not served.

A server that batches refuses requests of more rows than one batch has, warm-up requests included. `check_rows` says so
before the model is loaded, and what to change.
"""

import logging
import pathlib
import time
from collections.abc import Iterator

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from serving import inference, status
from serving.servable import Servable
from serving.status import StatusError, UnfitVersionError, invalid

REQUESTS_FILE = pathlib.PurePath("assets.extra", "tf_serving_warmup_requests")
MAX_RECORDS = 1000

_logger = logging.getLogger(__name__)


def replay(servable: Servable, path: pathlib.Path, iterations: int = 1) -> int:
    """Lets a version answer its warm-up requests, one after the other; the answers are dropped.

    Args:
        servable: the version.
        path: its folder. Without the file there is nothing to replay.
        iterations: how often each request is run.

    Returns:
        The number of requests in the file.

    Raises:
        StatusError: the model refused a request, the file holds more than `MAX_RECORDS`, or it is none of
            PredictionLogs in TFRecord format; the message names the file and the record.
    """
    file = path / REQUESTS_FILE
    if not file.is_file():
        return 0
    start = time.perf_counter()
    count = 0
    for count, log in enumerate(_logs(file), 1):
        try:
            for _ in range(iterations):
                _run(servable, log)
        except (StatusError, tf.errors.OpError) as error:
            code, message = status.code_and_message(error)
            raise StatusError(code, f"warmup record {count} from {file} failed: {message}") from error
    _logger.info("replayed %d warm-up requests of %s in %.1f s", count, path, time.perf_counter() - start)
    return count


def check_rows(path: pathlib.Path, max_batch_size: int, said_by: str) -> None:
    """Checks that no warm-up request is larger than a batch.

    Args:
        path: the version's folder.
        max_batch_size: rows that a request may have.
        said_by: the file with that limit, for the message.

    Raises:
        UnfitVersionError: one is; the message says what can be changed.
        StatusError: the file holds no PredictionLogs in TFRecord format, or too many.
    """
    file = path / REQUESTS_FILE
    if not file.is_file():
        return
    largest, number = max(((_rows(log), number) for number, log in enumerate(_logs(file), 1)), default=(0, 0))
    if largest > max_batch_size:
        raise UnfitVersionError(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"warmup record {number} from {file} has {largest} rows, but max_batch_size is {max_batch_size} in "
            f"{said_by}: set it, and the last of allowed_batch_sizes, to {largest} or more; or export a model whose "
            f"`serving.batch_sizes` end at {max_batch_size}; or start the server with --enable_model_warmup=false",
        )


def _rows(log: prediction_log_pb2.PredictionLog) -> int:
    """The rows of a request, or its Examples."""
    match log.WhichOneof("log_type"):
        case "predict_log":
            shapes = [tensor.tensor_shape.dim for tensor in log.predict_log.request.inputs.values()]
            return max((shape[0].size for shape in shapes if shape), default=0)
        case "classify_log" | "regress_log" | "multi_inference_log" as kind:
            examples = getattr(log, kind).request.input
            return len(getattr(examples, examples.WhichOneof("kind") or "example_list").examples)
    return 0


def _logs(file: pathlib.Path) -> Iterator[prediction_log_pb2.PredictionLog]:
    """Reads the requests one by one."""
    try:
        for number, record in enumerate(tf.data.TFRecordDataset(str(file)).as_numpy_iterator(), 1):
            if number > MAX_RECORDS:
                raise invalid(f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {file}")
            try:
                log = prediction_log_pb2.PredictionLog.FromString(record)
            except DecodeError:
                raise invalid(f"Failed to parse warmup record {number} from {file}") from None
            yield log
    except tf.errors.DataLossError as error:
        message = f"{error.message} in {file}. Please verify your warmup data is in TFRecord format."
        raise StatusError(grpc.StatusCode.DATA_LOSS, message) from None


def _run(servable: Servable, log: prediction_log_pb2.PredictionLog) -> None:
    """Runs one request; kinds that TensorFlow Serving passes over are passed over."""
    match log.WhichOneof("log_type"):
        case "predict_log":
            inference.run_predict(servable, log.predict_log.request)
        case "classify_log":
            inference.run_classify(servable, log.classify_log.request)
        case "regress_log":
            inference.run_regress(servable, log.regress_log.request)
        case "multi_inference_log":
            inference.run_multi_inference(servable, log.multi_inference_log.request)
        case "session_run_log":
            number = prediction_log_pb2.PredictionLog.SESSION_RUN_LOG_FIELD_NUMBER
            raise StatusError(grpc.StatusCode.UNIMPLEMENTED, f"Unsupported log_type for warmup: {number}")
