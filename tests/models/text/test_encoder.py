import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from models.text.encoder import TextEncoder, encode_distinct
from pipeline import config

TEXTS = ["frozen pizza", "sourdough bread", "Crème brûlée 12OZ", "tea"]

SERVE = """
import sys
import numpy, tensorflow, tensorflow_text
search = tensorflow.saved_model.load(sys.argv[1]).signatures["search"]
numpy.save(sys.argv[2], search(query=tensorflow.constant(sys.argv[3:]))["vectors"])
assert not {"models", "tensorflow_hub", "tf_keras"} & set(sys.modules)
"""

TOKENS = {f"input_{kind}": tf.TensorSpec([None, 4], tf.int32) for kind in ("word_ids", "mask", "type_ids")}


class SearchModel(tf.Module):
    def __init__(self, encoder: TextEncoder):
        super().__init__()
        self.encoder = encoder

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="query")])
    def search(self, query):
        return {"vectors": self.encoder(query)}


class CodePoints(tf.Module):
    """A preprocessor of its own: the first four characters' code points, always padded to four."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, texts):
        ids = tf.strings.unicode_decode(texts, "UTF-8").to_tensor(shape=[None, 4])
        return {"input_word_ids": ids, "input_mask": tf.sign(ids), "input_type_ids": tf.zeros_like(ids)}


class SumAndCount(tf.Module):
    """An encoder of its own: the sum of the ids and their number, with neither variables nor a training argument."""

    @tf.function(input_signature=[TOKENS])
    def __call__(self, inputs):
        ids = inputs["input_word_ids"]
        vectors = tf.stack([tf.reduce_sum(ids, axis=1), tf.reduce_sum(inputs["input_mask"], axis=1)], axis=1)
        return {"default": tf.cast(vectors, tf.float32), "sequence_output": tf.one_hot(ids, 3)}


@pytest.fixture(scope="module")
def handles(minilm) -> dict[str, str]:
    return {"preprocessor": str(minilm / "preprocessor"), "encoder": str(minilm / "encoder")}


@pytest.fixture(scope="module")
def frozen(handles) -> TextEncoder:
    return TextEncoder(**config.TextEncoder(**handles).model_dump())


@pytest.fixture(scope="module")
def full(handles) -> TextEncoder:
    return TextEncoder(**config.TextEncoder(**handles, training="full").model_dump())


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("toy")
    tf.saved_model.save(CodePoints(), str(folder / "preprocessor"))
    tf.saved_model.save(SumAndCount(), str(folder / "encoder"))
    return {"preprocessor": str(folder / "preprocessor"), "encoder": str(folder / "encoder"), "output": "default"}


def test_similar_products_are_nearer_than_others(frozen):
    query, *products = frozen(tf.constant(["fizzy drink", "soft drinks cola 12 oz", "dog food", "shampoo"])).numpy()
    assert np.argmax([query @ product for product in products]) == 0


def test_a_frozen_encoder_trains_nothing_and_applies_no_dropout(frozen):
    texts = tf.constant(TEXTS)
    with tf.GradientTape() as tape:
        vectors = frozen(texts, training=True)
    assert frozen.trainable_variables == []
    assert tape.gradient(vectors, frozen.variables) == [None] * len(frozen.variables)
    np.testing.assert_allclose(vectors, frozen(texts, training=False), atol=1e-6)


def test_full_training_reaches_every_weight_of_the_encoder(full):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(full(tf.constant(TEXTS), training=True)[:, 0])
    gradients = tape.gradient(loss, full.trainable_variables)
    assert len(gradients) == 101
    silent = {
        variable.name
        for variable, gradient in zip(full.trainable_variables, gradients, strict=True)
        if gradient is None or not np.any(tf.convert_to_tensor(gradient))
    }
    assert silent == set()


def test_full_training_applies_dropout_only_while_training(full, frozen):
    texts = tf.constant(TEXTS)
    assert np.abs(full(texts, training=True) - full(texts, training=True)).max() > 1e-3
    np.testing.assert_array_equal(full(texts), frozen(texts))


@pytest.mark.parametrize("training", ["frozen", "full"])
def test_an_exported_model_encodes_raw_queries_with_tensorflow_and_tf_text_alone(handles, training, tmp_path):
    model = SearchModel(TextEncoder(**handles, training=training))
    tf.saved_model.save(model, str(tmp_path / "model"), signatures={"search": model.search})
    environment = {key: value for key, value in os.environ.items() if key not in ("TF_USE_LEGACY_KERAS", "PYTHONPATH")}
    command = [sys.executable, "-c", SERVE, str(tmp_path / "model"), str(tmp_path / "vectors.npy"), *TEXTS]
    served = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert served.returncode == 0, served.stderr
    np.testing.assert_allclose(np.load(tmp_path / "vectors.npy"), model.encoder(tf.constant(TEXTS)), atol=1e-6)


def test_a_layer_is_made_again_from_its_keras_config(toy):
    again = TextEncoder.from_config(TextEncoder(**toy).get_config())
    np.testing.assert_array_equal(again(tf.constant(["ab"])), [[195, 2]])


def test_a_module_of_another_size_and_output_works(toy):
    encoder = TextEncoder(**toy)
    assert encoder.dim == 2
    np.testing.assert_array_equal(encoder(tf.constant(["ab", "A"])), [[97 + 98, 2], [65, 1]])


def test_each_distinct_text_is_encoded_once_and_put_back_in_order(toy):
    done = []
    texts = ["abc", "a", "abc", "b", "a"]
    vectors = encode_distinct(TextEncoder(**toy), texts, batch_size=2, progress=lambda *counts: done.append(counts))
    assert done == [(2, 3), (3, 3)]
    np.testing.assert_array_equal(vectors, [[294, 3], [97, 1], [294, 3], [98, 1], [97, 1]])
    assert vectors.dtype == np.float32


def test_vectors_do_not_depend_on_the_order_of_the_texts(frozen):
    texts = [f"{text} {size} oz" for text in TEXTS for size in range(8)]
    vectors = encode_distinct(frozen, texts, batch_size=5)
    np.testing.assert_array_equal(encode_distinct(frozen, texts[::-1], batch_size=5), vectors[::-1])
    np.testing.assert_allclose(vectors, frozen(tf.constant(texts)), atol=1e-6)


def test_no_texts_give_no_vectors(toy):
    assert encode_distinct(TextEncoder(**toy), []).shape == (0, 2)


@pytest.mark.parametrize("role", ["preprocessor", "encoder"])
def test_a_handle_that_cannot_be_loaded_is_named_with_its_key(toy, role):
    with pytest.raises(
        config.ConfigError, match=rf"model\.text\.{role}: 'nowhere/{role}' cannot be loaded.*saved_model"
    ):
        TextEncoder(**toy | {role: f"nowhere/{role}"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"output": "pooled_output"},
            r"no output 'pooled_output'; set model\.text\.output to one of: default, sequence",
        ),
        ({"output": "sequence_output"}, r"shape \(1, 4, 3\); set model\.text\.output to one with a single vector"),
        ({"training": "full"}, r"offers no variables to train; set model\.text\.training to frozen"),
    ],
)
def test_settings_that_the_encoder_cannot_meet_are_named_with_the_remedy(toy, change, message):
    with pytest.raises(config.ConfigError, match=message):
        TextEncoder(**toy | change)


def test_an_encoder_of_another_api_is_named(toy, tmp_path):
    module = tf.Module()
    module.__call__ = tf.function(lambda inputs: inputs["input_word_ids"], input_signature=[TOKENS])
    tf.saved_model.save(module, str(tmp_path))
    with pytest.raises(config.ConfigError, match=rf"'{tmp_path}' \(model\.text\.encoder\) gives no named outputs"):
        TextEncoder(**toy | {"encoder": str(tmp_path)})


def test_modules_that_do_not_belong_together_are_both_named(toy, handles):
    with pytest.raises(config.ConfigError) as error:
        TextEncoder(toy["encoder"], handles["encoder"])
    for key, handle in (("preprocessor", toy["encoder"]), ("encoder", handles["encoder"])):
        assert f"'{handle}' (model.text.{key})" in str(error.value)
