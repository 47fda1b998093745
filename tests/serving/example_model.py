"""A SavedModel for Classify, Regress, MultiInference and REST, whose answers can be worked out by hand.

Signatures over Examples with the features `x` (a float, 0 if missing) and `name` (bytes, "" if missing):

- serving_default, halves: regress x / 2 + 2; [batch] and [batch, 1].
- signs: classify with the classes "minus" and "plus" and the scores -x and x; labels and scores have one of the two.
- names: classify with the class `name` alone.
- wide, sums, whole, ragged, flat, few, numbered: promise an answer that their outputs are not.
- elsewhere: a regression that reads another tensor.
- two_inputs, three_outputs, other_input, other_output, other_classes: neither classify nor regress.

Signatures to predict:

- echo: gives back one tensor of each type, called by it.
- scale: x * factor, [batch] each; double: 2 x, one input and one output.
- text: the input as `text` and as `raw_bytes`.
- total: the sum of x, a scalar; uneven: x and its sum as [1].
- to_half, from_half: a float as a half-precision one, and back.
"""

import contextlib
import pathlib
from collections.abc import Iterator

import tensorflow as tf
from stock import Stock
from tensorflow_serving.apis import input_pb2

from serving import model_config
from serving.models import Models
from serving.servable import Servable
from serving.server import Server

v1 = tf.compat.v1

MODEL_NAME = "example"
VERSION = 3
ECHOED = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "bool", "string")
_PREDICT, _CLASSIFY, _REGRESS = (
    v1.saved_model.PREDICT_METHOD_NAME,
    v1.saved_model.CLASSIFY_METHOD_NAME,
    v1.saved_model.REGRESS_METHOD_NAME,
)


def _signature(method: str, inputs: dict[str, tf.Tensor], outputs: dict[str, tf.Tensor]):
    infos = [{name: v1.saved_model.build_tensor_info(t) for name, t in side.items()} for side in (inputs, outputs)]
    return v1.saved_model.build_signature_def(*infos, method)


def _on_examples() -> dict:
    """The signatures over Examples."""
    examples = v1.placeholder(tf.string, [None], "examples")
    others = v1.placeholder(tf.string, [None], "other_examples")
    defaults = {
        "x": tf.io.FixedLenFeature([], tf.float32, 0.0),
        "name": tf.io.FixedLenFeature([], tf.string, ""),
    }
    features = tf.io.parse_example(examples, defaults)
    x, batch = features["x"], tf.shape(features["x"])[0]
    half, scores = x / 2 + 2, tf.stack([-x, x], axis=1)
    classes = tf.tile([["minus", "plus"]], [batch, 1])
    elsewhere = tf.io.parse_example(others, defaults)["x"]
    read = {"inputs": examples}

    def classify(outputs):
        return _signature(_CLASSIFY, read, outputs)

    def regress(output):
        return _signature(_REGRESS, read, {"outputs": output})

    return {
        "serving_default": regress(half),
        "halves": regress(half[:, None]),
        "signs": classify({"classes": classes, "scores": scores}),
        "labels": classify({"classes": classes}),
        "scores": classify({"scores": scores}),
        "names": classify({"classes": features["name"][:, None]}),
        "wide": regress(scores),
        "sums": regress(tf.reduce_sum(x, keepdims=True)),
        "whole": regress(tf.cast(x, tf.int64)),
        "ragged": classify({"classes": classes, "scores": scores[:, :1]}),
        "flat": classify({"scores": x}),
        "few": classify({"scores": tf.reduce_sum(scores, axis=0, keepdims=True)}),
        "numbered": classify({"classes": tf.cast(scores, tf.int64)}),
        "elsewhere": _signature(_REGRESS, {"inputs": others}, {"outputs": elsewhere}),
        "two_inputs": _signature(_REGRESS, {"inputs": examples, "more": others}, {"outputs": half}),
        "three_outputs": classify({"classes": classes, "scores": scores, "more": x}),
        "other_input": _signature(_REGRESS, {"examples": examples}, {"outputs": half}),
        "other_output": _signature(_REGRESS, read, {"values": half}),
        "other_classes": classify({"names": classes}),
    }


def _on_tensors() -> dict:
    """The signatures to predict."""
    x, factor = (v1.placeholder(tf.float32, [None], name) for name in ("x", "factor"))
    matrix = v1.placeholder(tf.float32, None, "matrix")
    string = v1.placeholder(tf.string, None, "any_string")
    typed = {name: v1.placeholder(tf.as_dtype(name), None, name) for name in ECHOED}
    half = v1.placeholder(tf.float16, None, "half")
    total = tf.reduce_sum(x)
    return {
        "echo": _signature(_PREDICT, typed, {name: tf.identity(tensor) for name, tensor in typed.items()}),
        "scale": _signature(_PREDICT, {"x": x, "factor": factor}, {"scaled": x * factor}),
        "double": _signature(_PREDICT, {"x": matrix}, {"doubled": 2 * matrix}),
        "text": _signature(_PREDICT, {"text": string}, {"text": tf.identity(string), "raw_bytes": tf.identity(string)}),
        "to_half": _signature(_PREDICT, {"x": matrix}, {"half": tf.cast(matrix, tf.float16)}),
        "from_half": _signature(_PREDICT, {"x": half}, {"float": tf.cast(half, tf.float32)}),
        "total": _signature(_PREDICT, {"x": x}, {"total": total}),
        "uneven": _signature(_PREDICT, {"x": x}, {"all": tf.identity(x), "sum": total[None]}),
    }


def export(folder: pathlib.Path) -> pathlib.Path:
    """Writes the model; signatures of their own method names, over one tensor, take TensorFlow 1's builder."""
    with tf.Graph().as_default(), v1.Session() as session:
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session, [tf.saved_model.SERVING], signature_def_map={**_on_examples(), **_on_tensors()}
        )
        builder.save()
    return folder


@contextlib.contextmanager
def served(base: pathlib.Path) -> Iterator[Models]:
    """Exports the model into a folder and loads it, without a server."""
    export(base / str(VERSION))
    models = Models(model_config.single(MODEL_NAME, base), lambda name, version, path: Servable(path))
    models.start()
    try:
        models.wait_until_available(60)
        yield models
    finally:
        models.stop()


@contextlib.contextmanager
def stock(base: pathlib.Path) -> Iterator[Stock]:
    """Exports the model into a folder, serves it, and connects stock stubs."""
    export(base / str(VERSION))
    with Server.of_model(MODEL_NAME, base, port=0) as server:
        connected = Stock(server.address)
        yield connected
        connected.close()


def example(**features: float | bytes) -> tf.train.Example:
    """An Example with one value for each feature; floats and bytes."""
    made = tf.train.Example()
    for name, value in features.items():
        if isinstance(value, bytes):
            made.features.feature[name].bytes_list.value.append(value)
        else:
            made.features.feature[name].float_list.value.append(value)
    return made


def examples(*made: tf.train.Example, context: tf.train.Example | None = None) -> input_pb2.Input:
    """The Examples as the input of a request."""
    if context is None:
        return input_pb2.Input(example_list=input_pb2.ExampleList(examples=made))
    with_context = input_pb2.ExampleListWithContext(examples=made, context=context)
    return input_pb2.Input(example_list_with_context=with_context)
