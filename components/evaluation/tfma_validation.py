"""The verdict in TFMA's own form, for its notebooks and whatever else calls `tfma.load_validation_result`."""

import itertools
import math
import os

import tensorflow as tf
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

from components.evaluation import verdict_text
from components.evaluation.model_names import CANDIDATE
from components.evaluation.slices import Slice
from components.evaluation.verdict import Check, Verdict


def save(verdict: Verdict, evaluation_uri: str) -> None:
    """Writes the file that TFMA writes where it judges by thresholds."""
    refusals = sorted(verdict.refusals, key=lambda check: check.slice)
    result = validation_result_pb2.ValidationResult(
        validation_ok=verdict.blessed,
        metric_validations_per_slice=[
            validation_result_pb2.MetricsValidationForSlice(slice_key=_slice_key(key), failures=map(_failure, checks))
            for key, checks in itertools.groupby(refusals, key=lambda check: check.slice)
        ],
    )
    with tf.io.TFRecordWriter(os.path.join(evaluation_uri, f"{constants.VALIDATIONS_KEY}.tfrecord")) as writer:
        writer.write(result.SerializeToString())


def _slice_key(key: Slice) -> metrics_for_slice_pb2.SliceKey:
    return metrics_for_slice_pb2.SliceKey(
        single_slice_keys=[
            metrics_for_slice_pb2.SingleSliceKey(column=column, bytes_value=value.encode()) for column, value in key
        ]
    )


def _failure(check: Check) -> validation_result_pb2.ValidationFailure:
    failure = validation_result_pb2.ValidationFailure(message=verdict_text.describe(check))
    failure.metric_key.name = check.metric
    failure.metric_key.model_name = CANDIDATE
    failure.metric_value.double_value.value = math.nan if check.value is None else check.value
    return failure
