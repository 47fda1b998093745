"""The SavedModel on disk: what it needs, what it holds, and that it serves from a process without our code."""

import os
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tiny_shop

NUM_ROWS = tiny_shop.NUM_ITEMS + 1
DIM = 8
SCRIPT = pathlib.Path(__file__).with_name("serving_process.py")


def serve(model: str, questions: list, folder: pathlib.Path) -> dict:
    """Runs `serving_process` from a folder in which our packages cannot be found."""
    (folder / "questions").write_bytes(pickle.dumps(questions))
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "TF_USE_LEGACY_KERAS")}
    command = [sys.executable, str(SCRIPT), model, str(folder / "questions"), str(folder / "answers")]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return pickle.loads((folder / "answers").read_bytes())


@pytest.fixture(scope="module")
def questions() -> list[tuple[str, dict]]:
    request = {name: value.numpy() for name, value in tiny_shop.dense_request(tiny_shop.request(3, 4)).items()}
    wanted = {"exclude_item_ids": np.array([["item-00"]]), "k": np.array([5], np.int32)}
    return [
        ("recommend", request | wanted),
        ("search", request | wanted | {"query": np.array(["red apple"])}),
        ("similar", {"item_id": np.array(["item-03"]), "k": np.array([4], np.int32)}),
        ("rank", request | {"candidate_item_ids": np.array([["item-03", "item-04"]])}),
        ("serving_default", {"examples": np.array([tiny_shop.encode(tiny_shop.request(3, 4))], object)}),
    ]


@pytest.fixture(scope="module")
def elsewhere(saved_model, questions, tmp_path_factory) -> dict:
    return serve(saved_model, questions, tmp_path_factory.mktemp("elsewhere"))


def test_a_process_with_tensorflow_and_tf_text_alone_gives_the_same_answers(served, questions, elsewhere):
    ours = {"models", "pipeline", "tensorflow_transform", "tensorflow_recommenders", "tensorflow_hub", "tf_keras"}
    assert not ours & set(elsewhere["modules"])
    for (name, inputs), reply in zip(questions, elsewhere["replies"], strict=True):
        expected = served[name](**{key: tf.constant(value) for key, value in inputs.items()})
        assert reply.keys() == expected.keys()
        for output, values in expected.items():
            if values.dtype == tf.string:
                np.testing.assert_array_equal(reply[output], values.numpy(), err_msg=f"{name} {output}")
            else:
                np.testing.assert_allclose(reply[output], values, rtol=1e-4, err_msg=f"{name} {output}")


def test_every_op_is_of_tensorflow_or_tf_text(elsewhere):
    assert not elsewhere["foreign_ops"]
    assert any("Token" in name for name in elsewhere["text_ops"])


def test_the_check_of_ops_refuses_python_code(tmp_path):
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def double(values):
        return tf.numpy_function(lambda v: 2 * v, [values], tf.float32)

    module.double = double
    tf.saved_model.save(module, str(tmp_path / "model"))
    assert serve(str(tmp_path / "model"), [], tmp_path)["foreign_ops"] == {"PyFunc"}


def test_it_holds_neither_the_optimizer_nor_the_item_tower(saved_model):
    shapes = dict(tf.train.list_variables(f"{saved_model}/variables/variables"))
    tables = [name for name, shape in shapes.items() if shape and shape[0] == NUM_ROWS]
    # Ids, embeddings, what the index and the funnel hold of what is offered, statistics, relative popularity, texts,
    # their rows, and the categories that cross features look at.
    assert len(tables) == 9
    assert [name for name in tables if shapes[name] == [NUM_ROWS, DIM]] == [
        "_funnel/items/index/_embeddings/.ATTRIBUTES/VARIABLE_VALUE"
    ]
    assert not [name for name in shapes if "optimizer" in name or "item_tower" in name]


def test_it_holds_each_value_once(saved_model):
    reader = tf.train.load_checkpoint(f"{saved_model}/variables/variables")
    numbers = [reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if "VARIABLE_VALUE" in name]
    numbers = [values for values in numbers if getattr(values, "ndim", 0) == 2]
    copies = [
        (one.shape, other.shape)
        for place, one in enumerate(numbers)
        for other in numbers[place + 1 :]
        if np.array_equal(one, other)
    ]
    assert not copies
