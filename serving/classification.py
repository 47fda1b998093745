"""The rules of Classify, those of TensorFlow Serving's `classifier.cc`.

A signature can classify if its one input is called "inputs" and its outputs are "classes" (strings), "scores" (floats)
or both, each [batch_size, num_classes]. Its method name is not asked, as TensorFlow Serving does not unless told to:
TensorFlow 2 calls every signature "predict".
"""

from collections.abc import Mapping

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import classification_pb2

from serving.descriptions import dtype_text, shape_text
from serving.status import StatusError, invalid

INPUT = tf.saved_model.CLASSIFY_INPUTS
_CLASSES = tf.saved_model.CLASSIFY_OUTPUT_CLASSES
_SCORES = tf.saved_model.CLASSIFY_OUTPUT_SCORES
_DTYPES = {_CLASSES: "DT_STRING", _SCORES: "DT_FLOAT"}


def output_names(signature: meta_graph_pb2.SignatureDef) -> list[str]:
    """The outputs that hold the answer.

    Raises:
        StatusError: the signature cannot classify.
    """
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if INPUT not in signature.inputs:
        raise StatusError(
            grpc.StatusCode.FAILED_PRECONDITION, f"No classification inputs found in SignatureDef: {signature}"
        )
    names = [name for name in (_CLASSES, _SCORES) if name in signature.outputs]
    if not names:
        raise StatusError(
            grpc.StatusCode.FAILED_PRECONDITION,
            f'Expected classification signature outputs to contain at least one of "{_CLASSES}" or "{_SCORES}". '
            f"Signature was: {signature}",
        )
    return names


def result(outputs: Mapping[str, np.ndarray], num_examples: int) -> classification_pb2.ClassificationResult:
    """Makes the answer from "classes" and "scores", of which one may be missing.

    Raises:
        StatusError: they are not what the signature's name promises.
    """
    for name, array in outputs.items():
        _check(name, array, num_examples)
    classes, scores = outputs.get(_CLASSES), outputs.get(_SCORES)
    if classes is not None and scores is not None and classes.shape[1] != scores.shape[1]:
        raise invalid(
            f"Tensors class and score should match in dim_size(1). Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    shape = (scores if classes is None else classes).shape
    labels = np.full(shape, b"", object) if classes is None else classes
    values = np.zeros(shape, np.float32) if scores is None else scores
    answer = classification_pb2.ClassificationResult()
    for row_labels, row_values in zip(labels, values.tolist(), strict=True):
        row = answer.classifications.add()
        for label, value in zip(row_labels, row_values, strict=True):
            row.classes.add(label=_text(label), score=value)
    return answer


def _check(name: str, array: np.ndarray, num_examples: int) -> None:
    if array.ndim != 2:
        raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {shape_text(array.shape)}")
    if dtype_text(array) != _DTYPES[name]:
        raise invalid(f"Expected {name} Tensor of {_DTYPES[name]}. Got: {dtype_text(array)}")
    if len(array) != num_examples:
        raise invalid(f"Expected {name} output batch size of {num_examples}. Got: {len(array)}")


def _text(label: bytes) -> str:
    try:
        return label.decode()
    except UnicodeDecodeError:
        raise StatusError(grpc.StatusCode.INTERNAL, f"the class label {label!r} is not valid UTF-8") from None
