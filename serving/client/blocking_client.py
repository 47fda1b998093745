"""The client for programs that wait for their answers."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from serving.client.connection import BlockingConnection
from serving.client.questions import Questions, Target
from serving.client.tls import Tls, channel_credentials

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


def _blocking(
    question: Callable[Concatenate[Questions, _Arguments], Coroutine[Any, Any, _Answer]],
) -> Callable[Concatenate["Client", _Arguments], _Answer]:
    """Makes a method of the client of a question, with its arguments and its documentation.

    The coroutine runs over a `BlockingConnection`, which blocks where another would suspend it. So one step ends it,
    and the calling thread needs no event loop.
    """

    @functools.wraps(question)
    def ask(client: "Client", *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Answer:
        try:
            question(client._questions, *args, **kwargs).send(None)
        except StopIteration as end:
            return end.value
        raise RuntimeError("a question over a blocking connection was suspended")

    return ask


class Client:
    """Asks one model; keeps one connection, and may be shared between threads.

    Every method raises `ServingError` if the server refuses, fails or is not reached in time, or the client is closed;
    its message says what to do. UNAVAILABLE is retried within the deadline before that, since a question changes
    nothing. `TypeError` and `ValueError` name a wrong argument.

    `context` holds the values of the context features that the model was configured with, by their names; what is left
    out counts as missing.
    """

    def __init__(
        self,
        address: str = "localhost:8500",
        model_name: str = "shelfwise",
        timeout: float = 10.0,
        *,
        version: int | None = None,
        label: str | None = None,
        tls: Tls | None = None,
        token: str | None = None,
    ):
        """Connects at the first call.

        Args:
            address: `host:port` of the gRPC port, or `unix:PATH` of its socket.
            model_name: the model to ask.
            timeout: deadline of each question in seconds, retries included.
            version: the version to ask, by its number; the latest by default.
            label: the version to ask, by its label, such as "canary".
            tls: how to encrypt the connection; None leaves it plain.
            token: bearer token for a proxy before the server; needs `tls`.

        Raises:
            ValueError: the arguments do not go together, or a file of `tls` is at fault.
        """
        server_name = tls.server_name if tls else None
        self._connection = BlockingConnection(address, channel_credentials(tls, token), server_name)
        self._questions = Questions(Target(address, model_name, version, label), self._connection, timeout)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; the questions under way, and all later ones, raise `ServingError`."""
        self._connection.close()

    recommend = _blocking(Questions.recommend)
    search = _blocking(Questions.search)
    similar = _blocking(Questions.similar)
    rank = _blocking(Questions.rank)
    status = _blocking(Questions.status)
    wait_until_ready = _blocking(Questions.wait_until_ready)
