"""The layer that turns texts into vectors with any pretrained encoder of TF Hub's text API.

The API is described at https://www.tensorflow.org/hub/common_saved_model_apis/text: BERT, its relatives and sentence
encoders follow it, and so do the modules that `models.text.hub_modules` builds.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
import tensorflow_text  # noqa: F401  (registers the tokenisers' ops, without which no preprocessor loads)

from pipeline.config import ConfigError


class TextEncoder(tf.keras.layers.Layer):
    """Strings [batch] to float32 vectors [batch, dim], tokeniser included.

    Nothing but TensorFlow and TF Text ops are used, so a model that holds this layer serves raw strings wherever both
    are linked. A frozen encoder has no trainable variables, applies no dropout and stops gradients.

    Example:
        encoder = TextEncoder(**config.model.text.model_dump())
        vectors = encoder(tf.constant(["frozen pizza", "sourdough bread"]))  # [2, encoder.dim]

    Args:
        preprocessor: handle of the module that tokenises: a folder or a TF Hub address.
        encoder: handle of the module that encodes.
        output: which of the encoder's outputs is the text's vector. Published BERTs give a vector trained for
            next-sentence prediction as `pooled_output`, the bundled MiniLM its sentence vector.
        training: `full` fine-tunes every weight of the encoder, `frozen` none.
        **kwargs: of the Keras layer.

    Raises:
        ConfigError: a handle cannot be loaded, the two do not fit each other, or the encoder lacks `output` or the
            variables to train.
    """

    def __init__(
        self,
        preprocessor: str,
        encoder: str,
        output: str = "pooled_output",
        training: Literal["frozen", "full"] = "frozen",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._settings = {"preprocessor": preprocessor, "encoder": encoder, "output": output, "training": training}
        self._output = output
        self._frozen = training == "frozen"
        self._preprocessor = _load("preprocessor", preprocessor, trainable=False)
        self._encoder = _load("encoder", encoder, trainable=not self._frozen)
        self._dim = self._probe()

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    def call(self, texts: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Encodes strings [batch] to float32 [batch, dim]; `training` switches the dropout of an unfrozen encoder."""
        vectors = self._encoder(self._preprocessor(texts), training=training)[self._output]
        # The weights themselves still report to be trainable, so a tape would walk back through the whole encoder.
        return tf.stop_gradient(vectors) if self._frozen else vectors

    def token_counts(self, texts: tf.Tensor) -> tf.Tensor:
        """Number of tokens that the preprocessor makes of each text: strings [batch] to int32 [batch]."""
        return tf.reduce_sum(self._preprocessor(texts)["input_mask"], axis=1)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return super().get_config() | self._settings

    def _probe(self) -> int:
        """Encodes one text, so that what does not fit is found here, and returns the length of its vector."""
        names = f"'{self._settings['encoder']}' (model.text.encoder)"
        if not self._frozen and not self._encoder.trainable_variables:
            raise ConfigError(f"the encoder {names} offers no variables to train; set model.text.training to frozen")
        try:
            outputs = self._encoder(self._preprocessor(tf.constant(["probe"])))
        except (TypeError, ValueError, tf.errors.OpError) as error:
            raise ConfigError(
                f"the encoder {names} does not take what the preprocessor '{self._settings['preprocessor']}' "
                f"(model.text.preprocessor) gives; name the preprocessor that was published with it: {error}"
            ) from error
        if not isinstance(outputs, dict):
            raise ConfigError(f"the encoder {names} gives no named outputs; name one of TF Hub's text API")
        if self._output not in outputs:
            raise ConfigError(
                f"the encoder {names} has no output '{self._output}'; set model.text.output to one of: "
                f"{', '.join(sorted(outputs))}"
            )
        vectors = outputs[self._output]
        if vectors.shape.rank != 2:
            raise ConfigError(
                f"the output '{self._output}' of the encoder {names} has the shape {vectors.shape}; set "
                "model.text.output to one with a single vector for each text"
            )
        return vectors.shape[1]


def encode_distinct(
    encoder: TextEncoder,
    texts: Sequence[str],
    batch_size: int = 128,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Encodes texts outside of training, each distinct one once.

    Batches hold texts of similar length, since each is padded to its longest: twice as fast as in the given order. They
    do not depend on that order, so equal sets of texts get bit-equal vectors.

    Args:
        encoder: the layer to encode with.
        texts: any number of texts, repeated at will.
        batch_size: distinct texts that are encoded at a time.
        progress: called after each batch with the number of distinct texts that are done and of all of them.

    Returns:
        float32 [len(texts), dim], in the order of `texts`.
    """
    distinct = sorted(set(texts))
    shortest_first = np.argsort(_token_counts(encoder, distinct), kind="stable")
    vectors = np.empty([len(distinct), encoder.dim], np.float32)
    for start in range(0, len(distinct), batch_size):
        rows = shortest_first[start : start + batch_size]
        vectors[rows] = encoder(tf.constant([distinct[row] for row in rows]), training=False).numpy()
        if progress is not None:
            progress(start + len(rows), len(distinct))
    row_of = {text: row for row, text in enumerate(distinct)}
    return vectors[[row_of[text] for text in texts]]


def _token_counts(encoder: TextEncoder, texts: list[str], batch_size: int = 4096) -> np.ndarray:
    batches = [texts[start : start + batch_size] for start in range(0, len(texts), batch_size)]
    return np.concatenate([np.zeros(0, np.int32), *(encoder.token_counts(tf.constant(batch)) for batch in batches)])


def _load(role: Literal["preprocessor", "encoder"], handle: str, trainable: bool) -> hub.KerasLayer:
    try:
        return hub.KerasLayer(handle, trainable=trainable, name=role)
    except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
        raise ConfigError(
            f"model.text.{role}: '{handle}' cannot be loaded as a TF Hub module; set the key to a folder that holds "
            f"a saved_model.pb, or to an address that this machine reaches: {error}"
        ) from error
