"""The versions of one model: watches its folder, loads and unloads, and says what is served.

The rules are TensorFlow Serving's: the folder with the highest number is aspired to; it is loaded before what it
replaces is unloaded; if it cannot be loaded, what is serving stays; and if it is deleted, the next lower one takes
over. A version that failed is tried again once its files have changed, since a poll can fall into the middle of a copy.
"""

import contextlib
import dataclasses
import logging
import pathlib
import threading
from collections.abc import Iterator

import grpc
import tensorflow as tf
from tensorflow_serving.apis import get_model_status_pb2

from serving.servable import Servable
from serving.status import StatusError

_logger = logging.getLogger(__name__)

State = get_model_status_pb2.ModelVersionStatus.State


@dataclasses.dataclass(frozen=True)
class VersionStatus:
    """The state of one version, and why its load failed if it did."""

    version: int
    state: int  # a value of `State`
    error: Exception | None = None

    @property
    def error_code(self) -> int:
        """TensorFlow's code of the error; 0 without one."""
        if self.error is None:
            return tf.errors.OK
        return getattr(self.error, "error_code", tf.errors.UNKNOWN)


@dataclasses.dataclass
class _Loaded:
    servable: Servable
    in_flight: int = 0


def not_found(model_name: str, version: int | None) -> StatusError:
    """The answer to a request for a model or version that is not loaded; None stands for the latest."""
    asked = f"Latest({model_name})" if version is None else f"Specific({model_name}, {version})"
    return StatusError(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {asked}")


class Versions:
    """Loads and swaps the versions `<base_path>/<number>/` of one model."""

    def __init__(self, model_name: str, base_path: str | pathlib.Path, poll_seconds: float = 1.0):
        """Prepares; `start` begins to watch."""
        self.model_name = model_name
        self._base_path = pathlib.Path(base_path)
        self._poll_seconds = poll_seconds
        self._changed = threading.Condition()  # guards the two dictionaries below
        self._loaded: dict[int, _Loaded] = {}
        self._statuses: dict[int, VersionStatus] = {}
        self._failed: tuple[int, frozenset] | None = None  # the version that would not load, and its files then
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name=f"versions-{model_name}", daemon=True)

    def start(self) -> None:
        """Begins to watch the base path, in a thread of its own.

        Raises:
            FileNotFoundError: there is no such folder.
        """
        if not self._base_path.is_dir():
            raise FileNotFoundError(
                f"Could not find base path {self._base_path} for servable {self.model_name}: "
                "push a model there first, or correct the path"
            )
        self._watcher.start()

    def stop(self) -> None:
        """Stops watching, waits for the requests in flight, and unloads everything."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        for version in sorted(self._loaded):
            self._unload(version)

    def wait_until_available(self, timeout: float | None = None) -> None:
        """Blocks until a version is served.

        Raises:
            TimeoutError: none was after `timeout` seconds; the message says why.
        """
        with self._changed:
            if self._changed.wait_for(lambda: self._loaded, timeout):
                return
            causes = [f"version {s.version}: {s.error}" for s in self._statuses.values() if s.error]
        raise TimeoutError(
            f"no version of {self.model_name} in {self._base_path} became available within {timeout:g} s: "
            + ("; ".join(causes) or "there is no folder named by a number, such as 1/, that has been loaded")
        )

    @contextlib.contextmanager
    def borrow(self, version: int | None = None) -> Iterator[tuple[int, Servable]]:
        """Lends a loaded version, the latest unless one is named; it is not unloaded meanwhile.

        Raises:
            StatusError: NOT_FOUND, if it is not loaded.
        """
        with self._changed:
            number = max(self._loaded, default=None) if version is None else version
            if number not in self._loaded:
                raise not_found(self.model_name, version)
            loaded = self._loaded[number]
            loaded.in_flight += 1
        try:
            yield number, loaded.servable
        finally:
            with self._changed:
                loaded.in_flight -= 1
                self._changed.notify_all()

    def statuses(self) -> list[VersionStatus]:
        """Every version seen since the start, newest first."""
        with self._changed:
            return sorted(self._statuses.values(), key=lambda status: -status.version)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self._poll()
            except OSError as error:  # an unreadable base path leaves what is serving
                _logger.warning("cannot read %s, keeping what is served: %s", self._base_path, error)
            self._stopping.wait(self._poll_seconds)

    def _poll(self) -> None:
        """Compares the folder with what is loaded, and does what is needed."""
        folders = {int(p.name): p for p in self._base_path.iterdir() if p.name.isdecimal() and p.is_dir()}
        aspired = max(folders, default=None)
        if aspired is not None and aspired not in self._loaded and not self._load(aspired, folders[aspired]):
            return
        for version in [v for v in self._loaded if v != aspired]:
            self._unload(version)

    def _load(self, version: int, path: pathlib.Path) -> bool:
        """Makes a version available; says whether it is."""
        files = _files(path)
        if self._failed == (version, files):
            return False
        self._set_status(version, State.LOADING)
        try:
            servable = Servable(path)
        except Exception as error:  # a broken model raises nearly anything, and must never end the server
            self._failed = (version, files)
            self._set_status(version, State.END, error)
            _logger.warning("version %d of %s cannot be loaded yet: %s", version, self.model_name, error)
            return False
        with self._changed:
            self._loaded[version] = _Loaded(servable)
            self._set_status(version, State.AVAILABLE)
        _logger.info("version %d of %s is available", version, self.model_name)
        return True

    def _unload(self, version: int) -> None:
        """Takes a version out of service, lets its requests finish, and frees it."""
        with self._changed:
            loaded = self._loaded.pop(version)
            self._set_status(version, State.UNLOADING)
            self._changed.wait_for(lambda: not loaded.in_flight)
        loaded.servable.close()
        self._set_status(version, State.END)
        _logger.info("version %d of %s is unloaded", version, self.model_name)

    def _set_status(self, version: int, state: int, error: Exception | None = None) -> None:
        with self._changed:
            self._statuses[version] = VersionStatus(version, state, error)
            self._changed.notify_all()


def _files(folder: pathlib.Path) -> frozenset[tuple[str, int, int]]:
    """Path, size in bytes and modification time in ns of every file under a folder."""
    stats = ((str(path), path.stat()) for path in folder.rglob("*") if path.is_file())
    return frozenset((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats)
