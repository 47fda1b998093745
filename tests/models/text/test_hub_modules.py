import pathlib
import shutil
import zipfile

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub as hub

from models.text import hub_modules
from pipeline.data import wheels


@pytest.fixture(scope="module")
def preprocess(minilm):
    return hub.load(str(minilm / "preprocessor"))


@pytest.fixture(scope="module")
def vocabulary(minilm_wheel):
    return wheels.read(minilm_wheel, f"{hub_modules.FOLDER}/vocab.txt").decode().split("\n")


# Each word is cut into the longest pieces that the vocabulary has, from the left. It has no "creme", "crem" or "cre",
# so "creme" starts with "cr"; what is left, "eme", it has as "##eme".
@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("frozen pizza", "frozen pizza"),
        ("FRZN", "fr ##z ##n"),
        ("unaffable", "una ##ffa ##ble"),
        ("Crème brûlée", "cr ##eme br ##ule ##e"),
        ("yoghurt 12oz", "yo ##gh ##urt 12 ##oz"),
        ("2% milk\t\n  COOKIES/CONES", "2 % milk cookies / cones"),
        ("日本", "日 本"),
        ("milk 🍕", "milk [UNK]"),
        ("a" * 101, "[UNK]"),
        ("milk [SEP]", "milk [ sep ]"),  # a shopper cannot write a control token
        ("", ""),
    ],
)
def test_texts_are_cut_into_wordpieces(preprocess, vocabulary, text, pieces):
    ids = preprocess([text])["input_word_ids"][0].numpy()
    assert [vocabulary[token] for token in ids] == ["[CLS]", *pieces.split(), "[SEP]"]


def test_texts_are_padded_to_the_longest_of_the_batch(preprocess):
    tokens = preprocess(["milk", "frozen pizza"])
    cls, sep, milk, frozen, pizza = 101, 102, 6501, 7708, 10733  # line numbers in the vocabulary
    np.testing.assert_array_equal(tokens["input_word_ids"], [[cls, milk, sep, 0], [cls, frozen, pizza, sep]])
    np.testing.assert_array_equal(tokens["input_mask"], [[1, 1, 1, 0], [1, 1, 1, 1]])
    np.testing.assert_array_equal(tokens["input_type_ids"], np.zeros([2, 4]))
    assert {tensor.dtype for tensor in tokens.values()} == {tf.int32}


def test_long_texts_keep_their_first_126_pieces_and_the_closing_token(preprocess):
    ids = preprocess(["milk " * 126 + "pizza"])["input_word_ids"].numpy()
    np.testing.assert_array_equal(ids, [[101, *[6501] * 126, 102]])


def test_an_empty_batch_is_encoded(preprocess, minilm):
    outputs = hub.load(str(minilm / "encoder"))(preprocess(tf.constant([], tf.string)))
    assert outputs["pooled_output"].shape == [0, 384]


def test_the_encoder_offers_what_fine_tuning_needs(minilm):
    encoder = hub.load(str(minilm / "encoder"))
    # 3 embeddings with a norm, then 6 layers of 6 dense layers and 2 norms, each with 2 variables.
    assert len(encoder.trainable_variables) == len(encoder.variables) == 3 + 2 + 6 * (6 + 2) * 2
    assert list(encoder.regularization_losses) == []


def test_modules_can_be_moved_because_they_carry_their_vocabulary(minilm, tmp_path):
    shutil.copytree(minilm / "preprocessor", tmp_path / "elsewhere")
    assert hub.load(str(tmp_path / "elsewhere"))(["milk"])["input_word_ids"].numpy().tolist() == [[101, 6501, 102]]


def test_the_licence_of_the_weights_lies_beside_them(minilm):
    assert "Apache License" in (minilm / "LICENSE").read_text()
    assert "sentence-transformers/all-MiniLM-L6-v2" in (minilm / "NOTICE").read_text()


def test_modules_that_are_there_are_left_alone(minilm):
    before = {path: path.stat().st_mtime_ns for path in minilm.rglob("*")}
    hub_modules.build(pathlib.Path("no such wheel"), minilm)
    assert {path: path.stat().st_mtime_ns for path in minilm.rglob("*")} == before


def test_a_folder_with_other_content_is_refused_and_kept(minilm_wheel, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds no text encoder; remove it"):
        hub_modules.build(minilm_wheel, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_failed_build_leaves_nothing_behind(minilm_wheel, tmp_path):
    incomplete = tmp_path / "incomplete.whl"
    with zipfile.ZipFile(incomplete, "w") as archive:  # everything but the licence, which is written last
        for name in ("vocab.txt", "config.json", "model.safetensors"):
            archive.writestr(f"{hub_modules.FOLDER}/{name}", wheels.read(minilm_wheel, f"{hub_modules.FOLDER}/{name}"))
    with pytest.raises(wheels.WheelError, match="LICENSE"):
        hub_modules.build(incomplete, tmp_path / "models" / "minilm")
    assert list((tmp_path / "models").iterdir()) == []
