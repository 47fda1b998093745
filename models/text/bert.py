"""BERT as a sentence encoder, in plain TensorFlow.

Devlin et al., 2019, "BERT: Pre-training of Deep Bidirectional Transformers", https://arxiv.org/abs/1810.04805, with
the sentence vector of Reimers and Gurevych, 2019, "Sentence-BERT", https://arxiv.org/abs/1908.10084. Weights go by the
names that Hugging Face checkpoints give them; their pooler, which sentence encoders do not use, is left out.
"""

import dataclasses
import json
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

MASKED = -1e9  # added to the attention logits of padding; finite, so that an all-padding row stays a number


@dataclasses.dataclass(frozen=True)
class BertConfig:
    """The part of a checkpoint's `config.json` that decides what is computed, under its own names."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    layer_norm_eps: float
    hidden_dropout_prob: float
    attention_probs_dropout_prob: float

    @classmethod
    def from_json(cls, document: str | bytes) -> "BertConfig":
        """Reads a checkpoint's `config.json`.

        Raises:
            ValueError: the checkpoint uses an activation or a position embedding other than BERT's own.
        """
        values = json.loads(document)
        for key, only in (("hidden_act", "gelu"), ("position_embedding_type", "absolute")):
            if values.get(key, only) != only:
                raise ValueError(f"config.json: {key} is '{values[key]}', and only '{only}' is supported")
        return cls(**{field.name: values[field.name] for field in dataclasses.fields(cls)})


class Dense(tf.Module):
    """`x @ kernel + bias` over [rows, features]."""

    def __init__(self, weights: Mapping[str, np.ndarray], name: str):
        super().__init__()
        # PyTorch keeps [outputs, inputs].
        self.kernel = tf.Variable(weights[f"{name}.weight"].T, name=f"{name}.kernel")
        self.bias = tf.Variable(weights[f"{name}.bias"], name=f"{name}.bias")

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        # A BiasAdd rather than a sum: TensorFlow fuses it, and a GELU behind it, into the matmul.
        return tf.nn.bias_add(tf.matmul(x, self.kernel), self.bias)


class LayerNorm(tf.Module):
    """Normalises each row to mean 0 and variance 1, then scales and shifts its features."""

    def __init__(self, weights: Mapping[str, np.ndarray], name: str, epsilon: float):
        super().__init__()
        self.gamma = tf.Variable(weights[f"{name}.weight"], name=f"{name}.gamma")
        self.beta = tf.Variable(weights[f"{name}.bias"], name=f"{name}.beta")
        self._epsilon = epsilon

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, self.beta, self.gamma, self._epsilon)


class TransformerBlock(tf.Module):
    """Self-attention and a feed-forward network, each followed by dropout, a residual sum and layer normalisation."""

    def __init__(self, config: BertConfig, weights: Mapping[str, np.ndarray], name: str):
        super().__init__()
        self._config = config
        self.query, self.key, self.value = (
            Dense(weights, f"{name}.attention.self.{role}") for role in ("query", "key", "value")
        )
        self.attention_output = Dense(weights, f"{name}.attention.output.dense")
        self.attention_norm = LayerNorm(weights, f"{name}.attention.output.LayerNorm", config.layer_norm_eps)
        self.intermediate = Dense(weights, f"{name}.intermediate.dense")
        self.output = Dense(weights, f"{name}.output.dense")
        self.output_norm = LayerNorm(weights, f"{name}.output.LayerNorm", config.layer_norm_eps)

    def __call__(self, x: tf.Tensor, attention_bias: tf.Tensor, training: bool) -> tf.Tensor:
        """Transforms `x` [batch * seq, hidden]; `attention_bias` [batch, 1, 1, seq] is added to the logits."""
        rate = self._config.hidden_dropout_prob
        attended = self.attention_output(self._attend(x, attention_bias, training))
        x = self.attention_norm(x + dropout(attended, rate, training))
        transformed = self.output(tf.nn.gelu(self.intermediate(x), approximate=False))
        return self.output_norm(x + dropout(transformed, rate, training))

    def _attend(self, x: tf.Tensor, attention_bias: tf.Tensor, training: bool) -> tf.Tensor:
        heads, size = self._config.num_attention_heads, self._config.hidden_size // self._config.num_attention_heads
        batch, seq = tf.shape(attention_bias)[0], tf.shape(attention_bias)[3]

        def split_heads(rows: tf.Tensor) -> tf.Tensor:
            return tf.transpose(tf.reshape(rows, [batch, seq, heads, size]), [0, 2, 1, 3])

        query, key, value = split_heads(self.query(x)), split_heads(self.key(x)), split_heads(self.value(x))
        logits = tf.matmul(query, key, transpose_b=True) * size**-0.5 + attention_bias
        weights = dropout(tf.nn.softmax(logits), self._config.attention_probs_dropout_prob, training)
        context = tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3])
        return tf.reshape(context, [batch * seq, heads * size])


class BertEncoder(tf.Module):
    """Token ids to token vectors and one unit vector for the whole text.

    Args:
        config: the sizes and rates of the checkpoint.
        weights: its tensors by their Hugging Face names, float32.
    """

    def __init__(self, config: BertConfig, weights: Mapping[str, np.ndarray]):
        super().__init__()
        self._config = config
        self.word, self.position, self.token_type = (
            tf.Variable(weights[f"embeddings.{kind}_embeddings.weight"], name=f"embeddings.{kind}")
            for kind in ("word", "position", "token_type")
        )
        self.embeddings_norm = LayerNorm(weights, "embeddings.LayerNorm", config.layer_norm_eps)
        self.blocks = [
            TransformerBlock(config, weights, f"encoder.layer.{layer}") for layer in range(config.num_hidden_layers)
        ]

    def __call__(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """Encodes a batch of tokenised texts.

        Args:
            inputs: `input_word_ids`, `input_mask` (1 for tokens, 0 for padding) and `input_type_ids`, each int32
                [batch, seq].
            training: whether dropout is applied.

        Returns:
            `sequence_output` float32 [batch, seq, hidden], the last block's vectors, and `pooled_output` float32
            [batch, hidden], the mean over the tokens' vectors scaled to length 1.
        """
        ids, mask = inputs["input_word_ids"], tf.cast(inputs["input_mask"], tf.float32)
        batch, seq, hidden = tf.shape(ids)[0], tf.shape(ids)[1], self._config.hidden_size
        embedded = (
            tf.gather(self.word, ids) + tf.gather(self.token_type, inputs["input_type_ids"]) + self.position[:seq]
        )
        # Rows of 2-D matrices: a matmul over [batch, seq, hidden] has a gradient 1.6 times as slow.
        x = self.embeddings_norm(tf.reshape(embedded, [batch * seq, hidden]))
        x = dropout(x, self._config.hidden_dropout_prob, training)
        attention_bias = (1.0 - mask[:, tf.newaxis, tf.newaxis, :]) * MASKED
        for block in self.blocks:
            x = block(x, attention_bias, training)
        sequence = tf.reshape(x, [batch, seq, hidden])
        # The length normalisation cancels the division by the number of tokens, so a sum does for the mean.
        total = tf.reduce_sum(sequence * mask[:, :, tf.newaxis], axis=1)
        return {"sequence_output": sequence, "pooled_output": tf.math.l2_normalize(total, axis=-1)}


def dropout(x: tf.Tensor, rate: float, training: bool) -> tf.Tensor:
    """Zeroes a share `rate` of `x` in training and scales the rest up to keep its mean."""
    return tf.nn.dropout(x, rate) if training and rate else x
