"""A process as TensorFlow Serving's: TensorFlow and TF Text, nothing else.

`python serving_process.py FOLDER QUESTIONS ANSWERS` answers pickled `(signature, inputs)` pairs with numpy arrays, and
tells which ops of the SavedModel in FOLDER are registered neither by TensorFlow nor by TF Text.
"""

import pathlib
import pickle
import sys

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

# Registered by the Python package alone: a C++ server has no Python to call.
PYTHON_OPS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


def ops(folder: pathlib.Path) -> set[str]:
    """All ops of a SavedModel, those of its function library included."""
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    nodes = [node.op for graph in saved.meta_graphs for node in graph.graph_def.node]
    functions = [function for graph in saved.meta_graphs for function in graph.graph_def.library.function]
    nodes += [node.op for function in functions for node in function.node_def]
    return set(nodes) - {function.signature.name for function in functions}


def unregistered(names: set[str]) -> set[str]:
    return {name for name in names if name in PYTHON_OPS or op_def_registry.get(name) is None}


def main(folder: str, questions: str, answers: str) -> None:
    not_of_tensorflow = unregistered(ops(pathlib.Path(folder)))
    import tensorflow_text  # noqa: F401  (only now, so that its ops are told from TensorFlow's own)

    foreign = unregistered(not_of_tensorflow)
    replies = []
    if not foreign:
        signatures = tf.saved_model.load(folder).signatures
        for name, inputs in pickle.loads(pathlib.Path(questions).read_bytes()):
            outputs = signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
            replies.append({key: value.numpy() for key, value in outputs.items()})
    found = {
        "text_ops": not_of_tensorflow - foreign,
        "foreign_ops": foreign,
        "replies": replies,
        "modules": sorted(sys.modules),
    }
    pathlib.Path(answers).write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
