"""The typed client: what a shop's back end calls.

Works alike against stock TensorFlow Serving and the embedded server, and needs neither TensorFlow nor its start-up
time: grpcio, protobuf and numpy only.

    with Client("localhost:8500") as client:
        history = [Event("item-7", timestamp=1_700_000_000, event="purchase")]
        for item in client.recommend("user-1", history, k=5):
            print(item.item_id, item.score, item.reason)
"""

import dataclasses
import time
from collections.abc import Mapping, Sequence

import grpc
import numpy as np

from serving import wire_pb2
from serving.stub import ServingError, Stub, encode

__all__ = ["Client", "Event", "Match", "Ranked", "Recommendation", "ServingError", "Version"]

_CONTEXT_PREFIX = "context_"
_REFUSED = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)
_READINESS_POLL_SECONDS = 0.1


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that the shopper did: with which item, when (seconds UTC), and what, such as "purchase"."""

    item_id: str
    timestamp: int
    event: str


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


class _UnknownContext(ValueError):
    """A context key that the model does not take."""


class Client:
    """Asks one model; keeps one connection, and may be shared between threads.

    Every call raises `ServingError` if the server refuses, fails or is not reached in time; its message says what to
    do. UNAVAILABLE is retried within the deadline before that. `TypeError` and `ValueError` name a wrong argument.

    `context` holds the values of the context features that the model was configured with, by their names; what is left
    out counts as missing.
    """

    def __init__(self, address: str = "localhost:8500", model_name: str = "shelfwise", timeout: float = 10.0):
        """Connects at the first call.

        Args:
            address: `host:port` of the gRPC port.
            model_name: the model to ask.
            timeout: deadline of each call in seconds, retries included.
        """
        self._stub = Stub(address, model_name, timeout)
        self._address = address
        self._inputs: dict[str, dict[str, int]] = {}  # DataType of every input by signature, once learnt

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._stub.close()

    def recommend(
        self,
        user_id: str,
        history: Sequence[Event] = (),
        *,
        scene: str = "",
        timestamp: int | None = None,
        context: Mapping[str, str | float] | None = None,
        exclude: Sequence[str] = (),
        k: int = 10,
    ) -> list[Recommendation]:
        """What this shopper should see next, best first.

        Args:
            user_id: "" for an unknown shopper.
            history: what the shopper did before.
            scene: where the list will be shown.
            timestamp: when, in seconds UTC; None for now.
            context: values of the model's context features.
            exclude: items that must not be in the list.
            k: length of the list, which is shorter if the model ranks fewer candidates.
        """
        arguments = {**_request(user_id, history, scene, timestamp), **_list(exclude, k)}
        outputs = self._predict("recommend", arguments, context)
        rows = zip(outputs["item_ids"][0], outputs["scores"][0], outputs["reasons"][0], strict=True)
        return [Recommendation(i.decode(), float(score), reason.decode()) for i, score, reason in rows if i]

    def search(
        self,
        query: str,
        user_id: str = "",
        history: Sequence[Event] = (),
        *,
        scene: str = "",
        timestamp: int | None = None,
        context: Mapping[str, str | float] | None = None,
        exclude: Sequence[str] = (),
        k: int = 10,
    ) -> list[Match]:
        """What matches a query, for this shopper, best first; the other arguments are those of `recommend`."""
        arguments = {"query": [query], **_request(user_id, history, scene, timestamp), **_list(exclude, k)}
        return _matches(self._predict("search", arguments, context))

    def similar(self, item_id: str, k: int = 10) -> list[Match]:
        """What goes with an item, best first."""
        return _matches(self._predict("similar", {"item_id": [item_id], "k": _length(k)}))

    def rank(
        self,
        user_id: str,
        candidates: Sequence[str],
        history: Sequence[Event] = (),
        *,
        scene: str = "",
        timestamp: int | None = None,
        context: Mapping[str, str | float] | None = None,
    ) -> list[Ranked]:
        """In which order to show the candidates to this shopper, best first; arguments as for `recommend`."""
        if not candidates:
            return []
        arguments = {"candidate_item_ids": [list(candidates)], **_request(user_id, history, scene, timestamp)}
        outputs = self._predict("rank", arguments, context)
        scores = outputs.pop("score")[0]
        order = np.argsort(-scores, kind="stable")
        heads = {name: values[0] for name, values in outputs.items()}
        return [
            Ranked(candidates[i], float(scores[i]), {name: float(values[i]) for name, values in heads.items()})
            for i in order
        ]

    def status(self, timeout: float | None = None) -> list[Version]:
        """The versions that the server knows, newest first; `timeout` in seconds takes the place of the client's."""
        state_name = wire_pb2.ModelVersionStatus.State.Name
        statuses = self._stub.version_statuses(timeout)
        return [Version(s.version, state_name(s.state), s.status.error_message) for s in statuses]

    def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Blocks until a version of the model is served.

        Raises:
            ServingError: DEADLINE_EXCEEDED after `timeout` seconds; the message says what was missing.
        """
        deadline = time.monotonic() + timeout
        problem = "no answer"
        while (remaining := deadline - time.monotonic()) > 0:
            try:
                versions = self.status(remaining)
            except ServingError as error:
                problem = str(error)
            else:
                if any(version.state == "AVAILABLE" for version in versions):
                    return
                problem = f"no version of the model is available: {versions}"
            time.sleep(_READINESS_POLL_SECONDS)
        raise ServingError(
            grpc.StatusCode.DEADLINE_EXCEEDED, f"{self._address} was not ready within {timeout:g} s: {problem}"
        )

    def _predict(
        self, signature_name: str, arguments: dict[str, list], context: Mapping[str, str | float] | None = None
    ) -> dict[str, np.ndarray]:
        """Calls a signature with the inputs that it has.

        The inputs are learnt once. If a request does not fit them, the server may have swapped in a model with other
        context features since, so they are learnt anew, and the request is repeated if they have changed.
        """
        if not self._inputs:
            self._inputs = self._stub.input_dtypes()
        learnt = self._inputs
        try:
            return self._stub.predict(signature_name, self._encode(signature_name, arguments, context or {}))
        except (ServingError, _UnknownContext) as error:
            if isinstance(error, ServingError) and error.code not in _REFUSED:
                raise
            self._inputs = self._stub.input_dtypes()
            if self._inputs == learnt:
                raise
        return self._stub.predict(signature_name, self._encode(signature_name, arguments, context or {}))

    def _encode(
        self, signature_name: str, arguments: dict[str, list], context: Mapping[str, str | float]
    ) -> dict[str, wire_pb2.TensorProto]:
        """Tensors by input name; each has one row."""
        dtypes = self._inputs.get(signature_name, {})
        accepted = [name.removeprefix(_CONTEXT_PREFIX) for name in sorted(dtypes) if name.startswith(_CONTEXT_PREFIX)]
        if unknown := sorted(set(context) - set(accepted)):
            raise _UnknownContext(
                f"the model has no context feature {', '.join(map(repr, unknown))}; "
                f"it accepts {', '.join(map(repr, accepted)) or 'none'}"
            )
        values = dict(arguments)
        for key in accepted:
            name = _CONTEXT_PREFIX + key
            values[name] = [context.get(key, "" if dtypes[name] == wire_pb2.DT_STRING else float("nan"))]
        if values.keys() != dtypes.keys():
            raise ServingError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"the model at {self._address} is not of this client's release: its signature '{signature_name}' takes "
                f"{sorted(dtypes) or 'nothing'}, the client sends {sorted(values)}",
            )
        return {name: encode(name, value, dtypes[name]) for name, value in values.items()}


def _request(user_id: str, history: Sequence[Event], scene: str, timestamp: int | None) -> dict[str, list]:
    """The inputs that every personal signature has."""
    return {
        "user_id": [user_id],
        "history_item_ids": [[event.item_id for event in history]],
        "history_timestamps": [[event.timestamp for event in history]],
        "history_events": [[event.event for event in history]],
        "scene": [scene],
        "timestamp": [int(time.time()) if timestamp is None else timestamp],
    }


def _list(exclude: Sequence[str], k: int) -> dict[str, list]:
    """The inputs of signatures that give a list for a shopper."""
    return {"exclude_item_ids": [list(exclude)], "k": _length(k)}


def _length(k: int) -> list[int]:
    if k < 1:
        raise ValueError(f"k is the length of the list and must be at least 1, not {k}")
    return [k]


def _matches(outputs: dict[str, np.ndarray]) -> list[Match]:
    rows = zip(outputs["item_ids"][0], outputs["scores"][0], strict=True)
    return [Match(item_id.decode(), float(score)) for item_id, score in rows if item_id]
