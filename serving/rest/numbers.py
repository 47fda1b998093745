"""Arrays as JSON text, number for number as TensorFlow Serving writes them.

It writes a float with six digits where those give the same float again, else with as many as always do; whole floats
get a ".0", so that a reader takes them for floats. NaN, Infinity and -Infinity are written as such, which JSON proper
does not know but many parsers read.
"""

import base64
import json
import math
from collections.abc import Sequence

import numpy as np

_DIGITS = {np.dtype(np.float32): 9, np.dtype(np.float64): 17}


def array_text(array: np.ndarray, as_bytes: bool = False) -> str:
    """Nested lists, or a lone value for rank 0.

    Args:
        array: booleans, integers, floats or, as objects, byte strings.
        as_bytes: writes strings as {"b64": ...}; else they are taken for UTF-8.
    """
    flat = array.ravel()
    if flat.dtype == np.float16:
        flat = flat.astype(np.float32)
    if flat.dtype == object:
        tokens = [_bytes_text(value) if as_bytes else string_text(value) for value in flat]
    elif flat.dtype in _DIGITS:
        tokens = decimal_texts(flat)
    else:
        tokens = [json.dumps(value) for value in flat.tolist()]
    return _nested(tokens, array.shape)


def decimal_texts(values: np.ndarray) -> list[str]:
    """The text of each float or double of an array [n]."""
    texts = [f"{value:.6g}" for value in values.tolist()]
    read_back = np.array(texts, dtype=np.float64).astype(values.dtype)
    for index in np.flatnonzero(read_back != values).tolist():
        texts[index] = f"{values[index]:.{_DIGITS[values.dtype]}g}"
    return [_decimal_text(text, value) for text, value in zip(texts, values.tolist(), strict=True)]


def string_text(value: bytes) -> str:
    """A JSON string; bytes that are no UTF-8 are written as they are once the text is encoded by `surrogateescape`."""
    return json.dumps(value.decode(errors="surrogateescape"), ensure_ascii=False)


def _decimal_text(text: str, value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return text if "." in text or "e" in text else text + ".0"


def _bytes_text(value: bytes) -> str:
    return json.dumps({"b64": base64.b64encode(value).decode()})


def _nested(tokens: Sequence[str], shape: tuple[int, ...]) -> str:
    """Puts brackets around the elements, from the innermost dimension outwards."""
    for axis in reversed(range(len(shape))):
        size, count = shape[axis], math.prod(shape[:axis])
        tokens = ["[" + ", ".join(tokens[i * size : (i + 1) * size]) + "]" for i in range(count)]
    return tokens[0]
