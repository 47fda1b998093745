"""What the client gives back, read from the tensors of an answer with one row."""

import array
import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence

from serving.client import wire_pb2

# The field that holds the values of a dtype, and their code in `array` if they are packed instead; strings have none.
_FIELDS = {
    wire_pb2.DT_FLOAT: ("float_val", "f"),
    wire_pb2.DT_INT32: ("int_val", "i"),
    wire_pb2.DT_INT64: ("int64_val", "q"),
    wire_pb2.DT_STRING: ("string_val", None),
}
Outputs = Mapping[str, wire_pb2.TensorProto]


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """A recommended item; `reason` is one of bought_before, for_you, popular."""

    item_id: str
    score: float
    reason: str


@dataclasses.dataclass(frozen=True)
class Match:
    """An item that matches a query or another item."""

    item_id: str
    score: float


@dataclasses.dataclass(frozen=True)
class Ranked:
    """A candidate with the score it is ranked by, and the prediction of every head, such as {"purchase": 0.1}."""

    item_id: str
    score: float
    heads: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Version:
    """A version that the server knows; `state` is START, LOADING, AVAILABLE, UNLOADING or END."""

    version: int
    state: str
    error: str


def recommendations(outputs: Outputs) -> list[Recommendation]:
    """The answer of `recommend`, without the padding of a short list."""
    rows = zip(*(decode(outputs[name]) for name in ("item_ids", "scores", "reasons")), strict=True)
    return [Recommendation(item_id.decode(), score, reason.decode()) for item_id, score, reason in rows if item_id]


def matches(outputs: Outputs) -> list[Match]:
    """The answer of `search` and `similar`, without the padding of a short list."""
    rows = zip(decode(outputs["item_ids"]), decode(outputs["scores"]), strict=True)
    return [Match(item_id.decode(), score) for item_id, score in rows if item_id]


def ranking(candidates: Sequence[str], outputs: Outputs) -> list[Ranked]:
    """The answer of `rank`, best first; candidates of equal score keep their order."""
    values = {name: decode(tensor) for name, tensor in outputs.items()}
    scores = values.pop("score")
    ranked = [
        Ranked(item_id, scores[i], {name: head[i] for name, head in values.items()})
        for i, item_id in enumerate(candidates)
    ]
    return sorted(ranked, key=lambda candidate: -candidate.score)


def versions(response: wire_pb2.GetModelStatusResponse) -> list[Version]:
    """The answer of GetModelStatus."""
    state_name = wire_pb2.ModelVersionStatus.State.Name
    return [Version(s.version, state_name(s.state), s.status.error_message) for s in response.model_version_status]


def input_dtypes(response: wire_pb2.GetModelMetadataResponse) -> dict[str, dict[str, int]]:
    """The inputs of every signature with their `DataType`."""
    signatures = wire_pb2.SignatureDefMap.FromString(response.metadata["signature_def"].value)
    return {
        key: {name: info.dtype for name, info in signature.inputs.items()}
        for key, signature in signatures.signature_def.items()
    }


def decode(tensor: wire_pb2.TensorProto) -> Sequence:
    """The values of a tensor of any of the dtypes that answers have, whichever way they were written."""
    field, packed = _FIELDS[tensor.dtype]
    if not tensor.tensor_content:
        return getattr(tensor, field)
    if packed is None:
        return _unpacked_strings(tensor.tensor_content, math.prod(dim.size for dim in tensor.tensor_shape.dim))
    return array.array(packed, tensor.tensor_content)


def _unpacked_strings(content: bytes, count: int) -> list[bytes]:
    """Strings as TensorFlow packs them (`EncodeStringList`): the varints of their lengths, then the strings."""
    lengths = []
    position = 0
    for _ in range(count):
        length = shift = 0
        more = True
        while more:
            length |= (content[position] & 0x7F) << shift
            more = content[position] >= 0x80
            position += 1
            shift += 7
        lengths.append(length)
    ends = list(itertools.accumulate(lengths, initial=position))
    return [content[start:end] for start, end in itertools.pairwise(ends)]
