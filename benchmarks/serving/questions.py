"""The requests that the benchmark sends: `recommend` for shoppers with a history of random items."""

import pathlib
import random

import grpc

from serving.client import answers, requests, wire_pb2
from serving.client.connection import GET_MODEL_METADATA
from serving.client.requests import Event

SIGNATURE = "recommend"

_DISTINCT = 200
_HISTORY = 20  # items, the same for all, so that they can be batched without padding
_K = 10
_TIMESTAMP = 1_512_000_000
_SECONDS_A_DAY = 86_400
_TIMEOUT_SECONDS = 10.0


def draw(version: pathlib.Path, address: str, model_name: str, seed: int = 42) -> list[bytes]:
    """Serialized PredictRequests of one row each.

    Args:
        version: folder of the version, whose vocabulary names the items.
        address: of a server that serves it, which is asked for the inputs.
        model_name: under which it does.
        seed: of the draw.
    """
    chosen = random.Random(seed)
    items = (version / "assets" / "items").read_text().split()
    dtypes = _input_dtypes(address, model_name)
    spec = wire_pb2.ModelSpec(name=model_name, signature_name=SIGNATURE)
    drawn = []
    for number in range(_DISTINCT):
        inputs = _inputs(str(number), chosen.sample(items, _HISTORY), dtypes)
        tensors = {name: requests.encode(name, value, dtypes[name]) for name, value in inputs.items()}
        drawn.append(wire_pb2.PredictRequest(model_spec=spec, inputs=tensors).SerializeToString())
    return drawn


def _inputs(user_id: str, items: list[str], dtypes: dict[str, int]) -> dict[str, object]:
    history = [
        Event(item, _TIMESTAMP - (_HISTORY - day) * _SECONDS_A_DAY, "purchase") for day, item in enumerate(items)
    ]
    inputs = requests.shopper(user_id, history, "", _TIMESTAMP)
    inputs |= {"exclude_item_ids": requests.excluded(()), "k": requests.length(_K)}
    return inputs | requests.context_inputs({}, dtypes)


def _input_dtypes(address: str, model_name: str) -> dict[str, int]:
    """The `DataType` of every input of the signature."""
    spec = wire_pb2.ModelSpec(name=model_name)
    request = wire_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
    with grpc.insecure_channel(address) as channel:
        return answers.input_dtypes(GET_MODEL_METADATA.on(channel)(request, timeout=_TIMEOUT_SECONDS))[SIGNATURE]
