"""What can be asked of a model, over any connection: the one implementation behind both clients."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from google.protobuf.message import Message

from serving.client import answers, requests, wire_pb2
from serving.client.answers import Match, Ranked, Recommendation, Version
from serving.client.connection import GET_MODEL_METADATA, GET_MODEL_STATUS, PREDICT, Connection, Method
from serving.client.errors import ServingError, explained
from serving.client.requests import Event

_REFUSED = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)
_READINESS_POLL_SECONDS = 0.1


@dataclasses.dataclass(frozen=True)
class Target:
    """Which model of which server is asked, and which version of it: a number, what a label stands for, or the latest.

    Raises:
        ValueError: both a version and a label are given.
    """

    address: str
    model_name: str
    version: int | None = None
    label: str | None = None

    def __post_init__(self):
        if self.version is not None and self.label is not None:
            raise ValueError("version and label both choose a version; give one of them")

    def __str__(self) -> str:
        model = f"model '{self.model_name}'"
        if self.version is not None:
            return f"version {self.version} of {model}"
        return model if self.label is None else f"version '{self.label}' of {model}"

    def spec(self, signature_name: str = "") -> wire_pb2.ModelSpec:
        """The target as requests name it."""
        spec = wire_pb2.ModelSpec(name=self.model_name, signature_name=signature_name)
        if self.version is not None:
            spec.version.value = self.version
        elif self.label is not None:
            spec.version_label = self.label
        return spec


class _Deadline:
    """When the answer to a question is due; a question may take several calls."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self._end - time.monotonic())


class Questions:
    """Asks one model. The methods are those of `Client`, as coroutines; see there."""

    def __init__(self, target: Target, connection: Connection, timeout: float):
        """Sends nothing yet; `timeout` is the deadline of each question in seconds, unless it brings its own."""
        self._target = target
        self._connection = connection
        self._timeout = timeout
        self._inputs: dict[str, dict[str, int]] = {}  # DataType of every input by signature, once learnt

    async def recommend(
        self,
        user_id: str,
        history: Sequence[Event] = (),
        *,
        scene: str = "",
        timestamp: int | None = None,
        context: Mapping[str, str | float] | None = None,
        exclude: Sequence[str] = (),
        k: int = 10,
        timeout: float | None = None,
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
            timeout: deadline of this question in seconds; None for the client's.
        """
        inputs = requests.shopper(user_id, history, scene, timestamp)
        inputs |= {"exclude_item_ids": requests.excluded(exclude), "k": requests.length(k)}
        return answers.recommendations(await self._predict("recommend", inputs, context, timeout))

    async def search(
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
        timeout: float | None = None,
    ) -> list[Match]:
        """What matches a query, for this shopper, best first; the other arguments are those of `recommend`."""
        inputs = {"query": query, **requests.shopper(user_id, history, scene, timestamp)}
        inputs |= {"exclude_item_ids": requests.excluded(exclude), "k": requests.length(k)}
        return answers.matches(await self._predict("search", inputs, context, timeout))

    async def similar(self, item_id: str, k: int = 10, *, timeout: float | None = None) -> list[Match]:
        """What goes with an item, best first."""
        inputs = {"item_id": item_id, "k": requests.length(k)}
        return answers.matches(await self._predict("similar", inputs, None, timeout))

    async def rank(
        self,
        user_id: str,
        candidates: Sequence[str],
        history: Sequence[Event] = (),
        *,
        scene: str = "",
        timestamp: int | None = None,
        context: Mapping[str, str | float] | None = None,
        timeout: float | None = None,
    ) -> list[Ranked]:
        """In which order to show the candidates to this shopper, best first; arguments as for `recommend`."""
        ids = requests.item_ids("candidates", candidates)
        if not ids:
            return []
        inputs = {"candidate_item_ids": ids, **requests.shopper(user_id, history, scene, timestamp)}
        return answers.ranking(ids, await self._predict("rank", inputs, context, timeout))

    async def status(self, timeout: float | None = None) -> list[Version]:
        """The versions that the server knows, newest first; only the client's own if it asks for one by its number."""
        spec = self._target.spec()
        spec.ClearField("version_label")  # of no meaning here: labels are for versions that serve
        request = wire_pb2.GetModelStatusRequest(model_spec=spec)
        return answers.versions(await self._call(GET_MODEL_STATUS, request, self._deadline(timeout)))

    async def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Blocks until the version that this client asks for is served.

        Raises:
            ServingError: DEADLINE_EXCEEDED after `timeout` seconds; the message says what was missing. CANCELLED if the
                client is closed.
        """
        deadline = _Deadline(timeout)
        problem: ServingError | None = None
        while deadline.remaining():
            try:
                self._inputs = await self._learn_inputs(deadline)
                return
            except ServingError as error:
                if error.code == grpc.StatusCode.CANCELLED:  # closed, which no other try would change
                    raise
                # The last try ends with the deadline, which tells less than what ended those before.
                if problem is None or error.code != grpc.StatusCode.DEADLINE_EXCEEDED:
                    problem = error
            await self._connection.pause(min(_READINESS_POLL_SECONDS, deadline.remaining()))
        raise ServingError(
            grpc.StatusCode.DEADLINE_EXCEEDED,
            f"{self._target} at {self._target.address} was not ready within {timeout:g} s: {problem or 'not asked'}",
        )

    async def _predict(
        self,
        signature_name: str,
        inputs: Mapping[str, object],
        context: Mapping[str, str | float] | None,
        timeout: float | None,
    ) -> Mapping[str, wire_pb2.TensorProto]:
        """Calls a signature with the inputs that it has.

        The inputs are learnt once. If a request does not fit them, the server may have swapped in a model with other
        context features since, so they are learnt anew, and the request is repeated if they have changed.
        """
        deadline = self._deadline(timeout)
        if not self._inputs:
            self._inputs = await self._learn_inputs(deadline)
        learnt = self._inputs
        try:
            return await self._send(self._request(signature_name, inputs, context), deadline)
        except (ServingError, requests.UnknownContext) as error:
            if isinstance(error, ServingError) and error.code not in _REFUSED:
                raise
            self._inputs = await self._learn_inputs(deadline)
            if self._inputs == learnt:
                raise
        return await self._send(self._request(signature_name, inputs, context), deadline)

    def _request(
        self, signature_name: str, inputs: Mapping[str, object], context: Mapping[str, str | float] | None
    ) -> wire_pb2.PredictRequest:
        """The request, if it fits the inputs that were learnt."""
        dtypes = self._inputs.get(signature_name, {})
        values = {**inputs, **requests.context_inputs(context or {}, dtypes)}
        if values.keys() != dtypes.keys():
            raise ServingError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"the model at {self._target.address} is not of this client's release: its signature "
                f"'{signature_name}' takes {sorted(dtypes) or 'nothing'}, the client sends {sorted(values)}",
            )
        tensors = {name: requests.encode(name, value, dtypes[name]) for name, value in values.items()}
        return wire_pb2.PredictRequest(model_spec=self._target.spec(signature_name), inputs=tensors)

    async def _send(self, request: wire_pb2.PredictRequest, deadline: _Deadline) -> Mapping[str, wire_pb2.TensorProto]:
        return (await self._call(PREDICT, request, deadline)).outputs

    async def _learn_inputs(self, deadline: _Deadline) -> dict[str, dict[str, int]]:
        request = wire_pb2.GetModelMetadataRequest(model_spec=self._target.spec(), metadata_field=["signature_def"])
        return answers.input_dtypes(await self._call(GET_MODEL_METADATA, request, deadline))

    async def _call(self, method: Method, request: Message, deadline: _Deadline) -> Any:
        try:
            return await self._connection.call(method, request, deadline.remaining())
        except grpc.RpcError as error:
            raise explained(error, self._target.address, str(self._target), deadline.seconds) from None

    def _deadline(self, timeout: float | None) -> _Deadline:
        return _Deadline(self._timeout if timeout is None else timeout)
