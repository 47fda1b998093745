"""A server process of its own around a candidate."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tfx.utils import io_utils

from components.infra_validation.questions import Question
from components.infra_validation.settings import Settings
from pipeline import die_with_parent
from serving import batching_parameters, warmup
from serving.status import StatusError

_CODE = pathlib.Path(__file__).parents[2]  # where `python -m serving.server` finds the packages
_EMBEDDED = [sys.executable, "-m", "serving.server"]
_POLL_SECONDS = 0.1
_STOP_SECONDS = 10
_PATIENCE = 10  # a request is given up after so many times the latency that is allowed
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


class Refused(Exception):
    """The candidate cannot be served; the message says why."""


class ServerProcess:
    """Starts a server of one model as its context is entered, and ends it as the context is left.

    It is told everything by TensorFlow Serving's flags, so the stock binary can take the embedded server's place. It
    listens on a Unix socket in a folder that only this user can enter: no port can be taken, and nobody else can ask.
    However this process ends, the server ends with it.
    """

    def __init__(self, model: str, settings: Settings, log: pathlib.Path):
        """Prepares; entering raises `Refused` if the server's own batching file rules the candidate out.

        Args:
            model: the SavedModel's folder.
            settings: under which name, by which server, and within which limits it is served.
            log: a file for what the server says.
        """
        self._model, self._settings, self._log = model, settings, log

    def __enter__(self) -> "ServerProcess":
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="shelfwise-"))
        try:
            self._start()
        except BaseException:
            shutil.rmtree(self._folder)
            raise
        return self

    def __exit__(self, *_) -> None:
        self._channel.close()
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder)

    def _start(self) -> None:
        base = self._folder / "models"
        base.mkdir()
        if os.path.isdir(self._model):
            (base / "1").symlink_to(os.path.abspath(self._model), target_is_directory=True)
        else:  # in a bucket
            io_utils.copy_dir(self._model, str(base / "1"))
        server = self._settings.validation_server or _EMBEDDED
        self._log.touch()
        _check_batching(server, base / "1")
        socket = self._folder / "socket"
        command = [
            *die_with_parent.command(*server),
            "--port=0",
            f"--grpc_socket_path={socket}",
            f"--model_name={self._settings.model_name}",
            f"--model_base_path={base}",
            "--max_num_load_retries=0",
            "--file_system_poll_wait_seconds=0",
        ]
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                command, cwd=_CODE, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self._channel = grpc.insecure_channel(f"unix:{socket}", options=_UNLIMITED)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def wait_until_available(self) -> float:
        """Waits for the candidate; returns the seconds since this began.

        Raises:
            Refused: the server ended, took too long or too much memory, or says that the candidate cannot be loaded.
        """
        started = time.monotonic()
        while (seconds := time.monotonic() - started) < self._settings.max_load_seconds:
            self.check_alive("while it loaded")
            self.check_memory()
            if self._is_available():
                return seconds
            time.sleep(_POLL_SECONDS)
        raise Refused(
            f"it was not loaded within {self._settings.max_load_seconds:g} s (serving.max_load_seconds); {self._said()}"
        )

    def ask(self, question: Question) -> tuple[dict[str, np.ndarray], float]:
        """Asks one question; returns the outputs by name, and the seconds that the answer took.

        Raises:
            Refused: the server ended, gave an error, or no answer.
        """
        request = predict_pb2.PredictRequest(
            inputs={name: tf.make_tensor_proto(values) for name, values in question.inputs.items()}
        )
        request.model_spec.name = self._settings.model_name
        request.model_spec.signature_name = question.signature
        patience = _PATIENCE * self._settings.max_latency_ms / 1000
        started = time.monotonic()
        try:
            response = self._predictions.Predict(request, timeout=patience)
        except grpc.RpcError as error:
            self._refuse(question.signature, error, patience)
        seconds = time.monotonic() - started
        return {name: tf.make_ndarray(proto) for name, proto in response.outputs.items()}, seconds

    def _refuse(self, signature: str, error: grpc.RpcError, patience: float) -> None:
        if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
            raise Refused(f"{signature} gave no answer within {patience:g} s") from None
        if error.code() == grpc.StatusCode.UNAVAILABLE:
            with_time_to_end = time.monotonic() + _STOP_SECONDS
            while self._process.poll() is None and time.monotonic() < with_time_to_end:
                time.sleep(_POLL_SECONDS)
            self.check_alive(f"when {signature} was asked")
        raise Refused(f"{signature} answers a real request with {error.code().name}: {error.details()}") from None

    def check_alive(self, when: str) -> None:
        """Checks that the process has not ended.

        Raises:
            Refused: it has; the message says how, and `when`.
        """
        status = self._process.poll()
        if status is not None:
            how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
            raise Refused(f"the server {how} {when}; {self._said()}")

    def check_memory(self) -> int:
        """The most memory, in MiB, that the process held at any time.

        Raises:
            Refused: it is more than allowed.
        """
        try:
            status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        except FileNotFoundError:
            return 0
        peak = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        mib = int(peak[1]) // 1024 if peak else 0  # a process that has just ended has no memory
        if mib > self._settings.max_memory_mib:
            raise Refused(
                f"the server took {mib:,} MiB of memory; serving.max_memory_mib is {self._settings.max_memory_mib:,}"
            )
        return mib

    def _is_available(self) -> bool:
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._settings.model_name
        try:
            response = self._models.GetModelStatus(request, timeout=_STOP_SECONDS)
        except grpc.RpcError:  # a server listens once it has loaded its models
            return False
        return any(status.state == _AVAILABLE for status in response.model_version_status)

    def _said(self) -> str:
        """The last line that the server wrote."""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return f"it said last: {lines[-1] if lines else 'nothing'}"


def _check_batching(command: list[str], model: pathlib.Path) -> None:
    """Checks the warm-up requests of a candidate against the batching file that a command names, if it is at hand.

    Any server refuses such a candidate, after it has loaded it and without saying what to change.
    """
    for flag, following in zip(command, [*command[1:], ""], strict=True):
        name, equals, value = flag.lstrip("-").partition("=")
        file = _CODE / (value if equals else following)  # the command runs there
        if name == "batching_parameters_file" and file.is_file():
            try:
                warmup.check_rows(model, batching_parameters.read(file).max_batch_size, str(file))
            except (StatusError, ValueError) as error:
                raise Refused(f"the server's batching file does not fit: {error}") from None
