"""BERT's forward pass in float64 numpy, one text at a time, written from the paper and the checkpoint's names."""

import math

import numpy as np

HEADS = 12
EPSILON = 1e-12

_erf = np.vectorize(math.erf, otypes=[np.float64])


def encode(weights: dict[str, np.ndarray], ids: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the last layer's vectors [tokens, hidden] of one text and their mean, scaled to length 1, [hidden]."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    embeddings = "embeddings.{}_embeddings.weight"
    x = w[embeddings.format("word")][ids] + w[embeddings.format("token_type")][0]
    x = _norm(w, "embeddings.LayerNorm", x + w[embeddings.format("position")][: len(ids)])
    layer = 0
    while f"encoder.layer.{layer}.output.dense.weight" in w:
        name = f"encoder.layer.{layer}"
        attended = _dense(w, f"{name}.attention.output.dense", _attend(w, f"{name}.attention.self", x))
        x = _norm(w, f"{name}.attention.output.LayerNorm", x + attended)
        inner = _dense(w, f"{name}.intermediate.dense", x)
        inner = inner * (1 + _erf(inner / math.sqrt(2))) / 2
        x = _norm(w, f"{name}.output.LayerNorm", x + _dense(w, f"{name}.output.dense", inner))
        layer += 1
    mean = x.mean(axis=0)
    return x, mean / np.sqrt((mean**2).sum())


def _dense(w, name, x):
    return np.einsum("ti,oi->to", x, w[f"{name}.weight"]) + w[f"{name}.bias"]


def _norm(w, name, x):
    centred = x - x.mean(axis=1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True) + EPSILON)
    return centred / deviation * w[f"{name}.weight"] + w[f"{name}.bias"]


def _attend(w, name, x):
    query, key, value = (np.split(_dense(w, f"{name}.{role}", x), HEADS, axis=1) for role in ("query", "key", "value"))
    contexts = []
    for q, k, v in zip(query, key, value, strict=True):
        exponents = np.exp(q @ k.T / math.sqrt(q.shape[1]))
        contexts.append(exponents / exponents.sum(axis=1, keepdims=True) @ v)
    return np.concatenate(contexts, axis=1)
