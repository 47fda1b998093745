"""The rules of MultiInference, those of TensorFlow Serving's `multi_inference.cc`.

Several signatures that read the same tensor answer for the same Examples, in one run of the graph.
"""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import grpc
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import inference_pb2

from serving import classification, regression
from serving.examples import serialized_examples
from serving.servable import Servable
from serving.status import StatusError, invalid

_RULES = {
    tf.saved_model.CLASSIFY_METHOD_NAME: (classification, "classification_result"),
    tf.saved_model.REGRESS_METHOD_NAME: (regression, "regression_result"),
}


class _Step(NamedTuple):
    """One task, checked."""

    method_name: str
    model_name: str
    signature_name: str
    input_tensor: str
    output_tensors: dict[str, str]  # by output name


def run_multi_inference(
    servable: Servable, request: inference_pb2.MultiInferenceRequest, timeout: float = math.inf
) -> inference_pb2.MultiInferenceResponse:
    """Answers every task of a request on a version at hand; the answers do not number it.

    Raises:
        StatusError: the tasks do not fit the model or each other.
        tf.errors.OpError: the graph failed, or `timeout` (in seconds) was up.
    """
    steps = _steps(servable.signatures, request.tasks)
    examples = serialized_examples(request.input)
    fetches = sorted({tensor for step in steps for tensor in step.output_tensors.values()})
    arrays = servable.run_tensors({steps[0].input_tensor: examples}, fetches, timeout)
    response = inference_pb2.MultiInferenceResponse()
    for step in steps:
        rules, field = _RULES[step.method_name]
        outputs = {name: arrays[tensor] for name, tensor in step.output_tensors.items()}
        result = response.results.add(**{field: rules.result(outputs, len(examples))})
        result.model_spec.name = step.model_name
        result.model_spec.signature_name = step.signature_name
    return response


def _steps(
    signatures: Mapping[str, meta_graph_pb2.SignatureDef], tasks: Iterable[inference_pb2.InferenceTask]
) -> list[_Step]:
    """Checks the tasks, one by one and against each other."""
    steps: list[_Step] = []
    for task in tasks:
        step = _step(signatures, task, {step.signature_name for step in steps})
        if steps and step.model_name != steps[0].model_name:
            raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        if steps and step.input_tensor != steps[0].input_tensor:
            raise invalid("Input tensor must be the same for all Signatures.")
        steps.append(step)
    if not steps:
        raise invalid("MultiInferenceRequest has no tasks.")
    return steps


def _step(
    signatures: Mapping[str, meta_graph_pb2.SignatureDef], task: inference_pb2.InferenceTask, done: set[str]
) -> _Step:
    spec = task.model_spec
    if not spec.name:
        raise invalid("Found ModelSpec with an empty model name.")
    name = spec.signature_name or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
    if name in done:
        raise invalid(f"Duplicate evaluation of signature: {name}")
    if name not in signatures:
        raise invalid(f"Requested signature not found in model graph: {name}")
    if task.method_name not in _RULES:
        raise StatusError(grpc.StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")
    rules, _ = _RULES[task.method_name]
    signature = signatures[name]
    outputs = {output: signature.outputs[output].name for output in rules.output_names(signature)}
    return _Step(task.method_name, spec.name, name, signature.inputs[rules.INPUT].name, outputs)
