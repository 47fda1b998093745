"""Moves version labels, such as "stable", from one version of a model to another, and back.

TensorFlow Serving can be given a configuration but never tells the one in force. So the model config file is the source
of truth: it is rewritten whole, and then sent to the server by HandleReloadConfigRequest, which takes effect at once.
Other servers that poll the same file (`--model_config_file_poll_wait_seconds`) follow, and one that restarts finds the
labels in it, for which it needs `--allow_version_labels_for_unavailable_models`.

Beside the file, `<file>.history` gets a line of JSON for each promotion, which tells `rollback` where a label was.
"""

import contextlib
import dataclasses
import datetime
import fcntl
import json
import os
import pathlib
from collections.abc import Iterator
from typing import IO

import grpc
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
)

from serving import model_config
from serving.client import Tls
from serving.label_edit import with_label
from serving.version_status import State

# Codes with which no answer came: the server may have taken the file, or take it yet. With any other it has refused.
_NO_ANSWER = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


class PromotionError(Exception):
    """A label that was not moved; the message says why. Nothing changed, unless this is an `UnconfirmedError`."""


class UnconfirmedError(PromotionError):
    """A label that was moved in the file, while the server that was told gave no answer; the message says what next."""


@dataclasses.dataclass(frozen=True)
class Server:
    """The server that is asked and told.

    Attributes:
        address: `host:port` or `unix:path` of its gRPC port.
        tls: for a server with TLS.
        timeout: deadline of each call in seconds; a reload answers when the models that are new to it are loaded.
    """

    address: str = "localhost:8500"
    tls: Tls | None = None
    timeout: float = 60.0


@dataclasses.dataclass(frozen=True)
class Move:
    """What was and what is; `before` is None for a label that is new."""

    model_name: str
    label: str
    before: int | None
    after: int

    def __str__(self) -> str:
        was = "not assigned" if self.before is None else f"version {self.before}"
        return f"{self.model_name}: label {self.label} was {was}, is version {self.after}"


def promote(
    config_file: str | os.PathLike, model_name: str, version: int, label: str = "stable", server: Server = Server()
) -> Move:
    """Points a label at a version.

    Args:
        config_file: the model config file that the server was started with.
        model_name: a model of that file.
        version: a version that the server has AVAILABLE.
        label: what requests ask for.
        server: the server to ask and to tell.

    Raises:
        UnconfirmedError: the server was told, and did not answer. The file and its history have the label moved.
        PromotionError: the version is not AVAILABLE, the file has no such model, or the server cannot be reached or
            refuses. The file is as it was.
        OSError: the file or its history cannot be written.
    """
    file = pathlib.Path(config_file).resolve()
    with _history(file) as history:
        before = _model(file, model_name).version_labels.get(label)
        move = Move(model_name, label, before, version)
        _carry_out("promote", move, file, history, server)
    return move


def rollback(config_file: str | os.PathLike, model_name: str, label: str = "stable", server: Server = Server()) -> Move:
    """Points a label back at the version that it was promoted from; arguments and errors as `promote`."""
    file = pathlib.Path(config_file).resolve()
    with _history(file) as history:
        current = _model(file, model_name).version_labels.get(label)
        move = Move(model_name, label, current, _promoted_from(history, model_name, label, current))
        _carry_out("rollback", move, file, history, server)
    return move


def _carry_out(action: str, move: Move, file: pathlib.Path, history: IO[str], server: Server) -> None:
    """Changes the file and tells the server; if that refuses, changes the file back."""
    specific = _model(file, move.model_name).model_version_policy.specific.versions
    if specific and move.after not in specific:
        raise PromotionError(
            f"{file} asks for the versions {', '.join(map(str, specific))} of {move.model_name} only; "
            f"add {move.after} to model_version_policy.specific first"
        )
    text = file.read_text(encoding="utf-8")
    with _stub(server) as stub:
        _check_available(stub, server, move)
        _replace(file, with_label(text, move.model_name, move.label, move.after))
        try:
            request = model_management_pb2.ReloadConfigRequest(config=model_config.read(file))
            stub.HandleReloadConfigRequest(request, timeout=server.timeout)
        except grpc.RpcError as error:
            told = f"{file} with label {move.label} of {move.model_name} at version {move.after}"
            if error.code() in _NO_ANSWER:
                _note(history, action, move)
                back = "" if move.before in (None, move.after) else f", or version {move.before} to go back"
                raise UnconfirmedError(
                    f"{server.address} did not say whether it takes {told}, and may yet do so, so the file stays like "
                    f"that ({error.details()}); promote version {move.after} again to be sure{back}"
                ) from None
            _replace(file, text)
            raise PromotionError(
                f"{server.address} refused {told}, so the file is as it was: {error.details()}"
            ) from None
    _note(history, action, move)


def _note(history: IO[str], action: str, move: Move) -> None:
    """Adds a line, unless there is nothing to go back to."""
    if move.before not in (None, move.after):
        time = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        history.write(json.dumps({"time": time, "action": action, **dataclasses.asdict(move)}) + "\n")


def _promoted_from(history: IO[str], model_name: str, label: str, current: int | None) -> int:
    """The version that a label was at before it was promoted to the one it is at."""
    for line in reversed(history.read().splitlines()):
        entry = json.loads(line)
        place = (entry["action"], entry["model_name"], entry["label"], entry["after"])
        if place == ("promote", model_name, label, current):
            return entry["before"]
    raise PromotionError(
        f"{history.name} tells no version that label {label} of {model_name} "
        f"({'not assigned' if current is None else current} now) was promoted from; promote the one you want"
    )


def _model(file: pathlib.Path, model_name: str) -> model_config.ModelConfig:
    """What the file says of a model."""
    try:
        models = model_config.read(file).model_config_list.config
    except (OSError, ValueError) as error:
        raise PromotionError(f"the model config file cannot be read: {error}") from None
    for model in models:
        if model.name == model_name:
            return model
    names = ", ".join(model.name for model in models) or "no model"
    raise PromotionError(f"{file} has no model {model_name}; it has {names}")


def _check_available(stub: model_service_pb2_grpc.ModelServiceStub, server: Server, move: Move) -> None:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = move.model_name
    try:
        response = stub.GetModelStatus(request, timeout=server.timeout)
    except grpc.RpcError as error:
        raise PromotionError(
            f"{server.address} does not tell the state of {move.model_name}: {error.details()}"
        ) from None
    statuses = {status.version: status for status in response.model_version_status}
    if move.after not in statuses:
        raise PromotionError(
            f"{server.address} has no version {move.after} of {move.model_name}, only "
            f"{', '.join(map(str, sorted(statuses)))}; push it, and let model_version_policy ask for it"
        )
    status = statuses[move.after]
    if status.state != State.AVAILABLE:
        reason = status.status.error_message or "model_version_policy must ask for it"
        raise PromotionError(
            f"version {move.after} of {move.model_name} is {State.Name(status.state)} on {server.address}, "
            f"not AVAILABLE: {reason}"
        )


@contextlib.contextmanager
def _stub(server: Server) -> Iterator[model_service_pb2_grpc.ModelServiceStub]:
    if server.tls is None:
        channel = grpc.insecure_channel(server.address)
    else:
        name = server.tls.server_name
        options = [("grpc.ssl_target_name_override", name)] if name else []
        channel = grpc.secure_channel(server.address, server.tls.credentials(), options)
    with channel:
        yield model_service_pb2_grpc.ModelServiceStub(channel)


@contextlib.contextmanager
def _history(file: pathlib.Path) -> Iterator[IO[str]]:
    """The history of a config file, locked: who else wants to move a label of the file waits."""
    if not file.is_file():
        raise PromotionError(f"there is no model config file {file}")
    with open(f"{file}.history", "a+", encoding="utf-8") as history:
        fcntl.flock(history, fcntl.LOCK_EX)
        history.seek(0)
        yield history


def _replace(file: pathlib.Path, text: str) -> None:
    """Writes a file aside and renames it, so that a server that polls it reads the old or the new one."""
    aside = file.with_name(f".{file.name}.new")  # the lock on the history keeps it ours
    aside.write_text(text, encoding="utf-8")
    aside.chmod(file.stat().st_mode)
    aside.replace(file)
