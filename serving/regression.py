"""The rules of Regress, those of TensorFlow Serving's `regressor.cc`.

A signature can regress if its one input is called "inputs" and its one output "outputs", floats of shape [batch_size]
or [batch_size, 1].
"""

from collections.abc import Mapping

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import regression_pb2

from serving.descriptions import dtype_text, shape_text
from serving.status import StatusError, invalid

INPUT = tf.saved_model.REGRESS_INPUTS
_OUTPUT = tf.saved_model.REGRESS_OUTPUTS


def output_names(signature: meta_graph_pb2.SignatureDef) -> list[str]:
    """The output that holds the answer.

    Raises:
        StatusError: the signature cannot regress.
    """
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    for kind, name, infos in (("inputs", INPUT, signature.inputs), ("outputs", _OUTPUT, signature.outputs)):
        if name not in infos:
            raise StatusError(
                grpc.StatusCode.FAILED_PRECONDITION, f"No regression {kind} found in SignatureDef: {signature}"
            )
    return [_OUTPUT]


def result(outputs: Mapping[str, np.ndarray], num_examples: int) -> regression_pb2.RegressionResult:
    """Makes the answer from "outputs".

    Raises:
        StatusError: it is not what the signature's name promises.
    """
    values = outputs[_OUTPUT]
    if values.ndim != 1 and values.shape[1:] != (1,):
        raise invalid(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            + shape_text(values.shape)
        )
    if len(values) != num_examples:
        raise invalid(f"Input batch size did not match output batch size: {num_examples} vs. {len(values)}")
    if dtype_text(values) != "DT_FLOAT":
        raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {dtype_text(values)}")
    return regression_pb2.RegressionResult(
        regressions=[regression_pb2.Regression(value=value) for value in values.ravel().tolist()]
    )
