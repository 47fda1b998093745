"""The versions of one model: watches its folder, and loads and unloads what the version policy asks for.

The rules are TensorFlow Serving's: what replaces a version is loaded, warm-up included, before that is unloaded; if it
cannot be loaded, what is serving stays; and if the folder of a version is deleted, the policy chooses among the rest. A
version that failed is tried again when its files have changed, since a poll can fall into the middle of a copy, and
after a while without that, since a disk can fail for a moment; but not where the server's own settings rule it out.
"""

import contextlib
import dataclasses
import logging
import math
import pathlib
import threading
import time
from collections.abc import Callable, Iterable

import grpc

from serving import version_policy
from serving.loaded_versions import LoadedVersions
from serving.servable import Servable
from serving.status import StatusError, UnfitVersionError
from serving.version_policy import ServableVersionPolicy
from serving.version_status import State, VersionStatus

Load = Callable[[str, int, pathlib.Path], Servable]
"""Loads a version, given the model's name, the version and its folder; it may raise anything."""

_LARGEST_VERSION = 2**63 - 1  # the protocol has 64 bits for it

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class LoadRetries:
    """How a version that failed is tried again while its files stay the same.

    Attributes:
        limit: how often, after the first try.
        interval_seconds: time between two tries.
    """

    limit: int = 5
    interval_seconds: float = 60.0


@dataclasses.dataclass(frozen=True)
class _Target:
    """What is asked for; a `base_path` of None asks for nothing. `number` counts the changes."""

    base_path: pathlib.Path | None
    policy: ServableVersionPolicy
    number: int


@dataclasses.dataclass(frozen=True)
class _Failure:
    files: frozenset
    tries: int
    time: float  # time.monotonic()


class Versions:
    """Loads and swaps the versions `<base_path>/<number>/` of one model."""

    def __init__(self, model_name: str, load: Load, poll_seconds: float = 1.0, retries: LoadRetries = LoadRetries()):
        """Prepares; `watch` says where to look, `start` begins to.

        Args:
            model_name: the name in messages.
            load: gives a servable that is ready to answer, or raises.
            poll_seconds: time between two looks for new versions; 0 or less looks once, and to try again what failed.
            retries: how a version that failed is tried again.
        """
        self.model_name = model_name
        self._load_servable = load
        self._poll_seconds = poll_seconds if poll_seconds > 0 else math.inf
        self._retries = retries
        self._wake = threading.Event()
        self._loaded = LoadedVersions(model_name, on_idle=self._wake.set)
        self._target = _Target(None, ServableVersionPolicy(), 0)
        self._reached = 0  # number of the last target that a whole poll was made for
        self._hopeless = False  # whether nothing is available and no try is left, unless files change
        self._failures: dict[int, _Failure] = {}
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._run, name=f"versions-{model_name}", daemon=True)

    def watch(self, base_path: str | pathlib.Path | None, policy: ServableVersionPolicy | None = None) -> None:
        """Says from now on which versions to serve, and from where; None serves nothing any more."""
        path = None if base_path is None else pathlib.Path(base_path)
        with self._loaded.changed:
            self._target = _Target(path, policy or ServableVersionPolicy(), self._target.number + 1)
        self._wake.set()

    def start(self) -> None:
        """Begins to watch the base path, in a thread of its own."""
        self._watcher.start()

    def stop(self) -> None:
        """Stops watching, waits for the requests in flight, and unloads everything."""
        self._stopping.set()
        self._wake.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self._loaded.free_all()

    def borrow(self, version: int | None = None) -> contextlib.AbstractContextManager[tuple[int, Servable]]:
        """Lends a version, the latest unless one is named; it is not unloaded meanwhile.

        Raises:
            StatusError: on entry, NOT_FOUND if it is not available.
        """
        return self._loaded.borrow(version)

    @property
    def available(self) -> set[int]:
        """The versions that are served."""
        return self._loaded.available

    def statuses(self) -> list[VersionStatus]:
        """Every version seen since the start, newest first."""
        return self._loaded.statuses()

    def wait_until_available(self, timeout: float | None = None) -> bool:
        """Blocks until a version is served, or `timeout` seconds are over; says whether one is.

        Raises:
            StatusError: UNKNOWN, every version failed and was tried as often as it may be.
        """
        with self._loaded.changed:
            self._loaded.changed.wait_for(lambda: self._loaded.available or self._hopeless, timeout)
            if self._hopeless:
                raise unavailable("servable", [self])
            return bool(self._loaded.available)

    def wait_until_looked(self) -> None:
        """Blocks until every version that `watch` last asked for, and that is there, was loaded or failed to."""
        with self._loaded.changed:
            self._loaded.changed.wait_for(lambda: self._reached == self._target.number or self._stopping.is_set())

    def causes(self) -> list[str]:
        """Why nothing is available, for every version that could not be loaded."""
        failed = [status for status in self.statuses() if status.error]
        if failed:
            return [f"{{name: {self.model_name} version: {s.version}}} due to error: {s.error}" for s in failed]
        return [f"{{name: {self.model_name}}} due to error: there is no version in {self._target.base_path}"]

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            target = self._target
            complete = True
            try:
                complete = self._poll(target)
                pause = self._until_retry()
            except OSError as error:  # an unreadable base path leaves what is serving
                _logger.warning("cannot read %s, keeping what is served: %s", target.base_path, error)
                pause = self._retries.interval_seconds or math.inf
            with self._loaded.changed:
                if complete:
                    self._reached = target.number
                tries = [failure.tries for failure in self._failures.values()]
                self._hopeless = bool(tries) and min(tries) > self._retries.limit and not self._loaded.available
                self._loaded.changed.notify_all()
            self._wake.wait(min(pause, self._poll_seconds, threading.TIMEOUT_MAX))

    def _poll(self, target: _Target) -> bool:
        """Compares the folder with what is loaded, and does what is needed; unloading goes first, to have the room.

        Says whether every aspired version had its try: one that is still being unloaded has to wait.
        """
        folders = {} if target.base_path is None else _version_folders(target.base_path)
        aspired = version_policy.aspired(target.policy, folders)
        self._failures = {version: failure for version, failure in self._failures.items() if version in aspired}
        self._unload(aspired)
        for version in sorted(aspired, reverse=True):
            there = self._loaded.available | self._loaded.retired
            if version not in there and not self._stopping.is_set() and self._load(version, folders[version]):
                self._unload(aspired)
        return not aspired & self._loaded.retired

    def _until_retry(self) -> float:
        """Seconds until a version that failed may be tried again; infinity if there is none."""
        failed = [failure.time for failure in self._failures.values() if failure.tries <= self._retries.limit]
        due = min(failed, default=math.inf) + self._retries.interval_seconds
        return max(0.0, due - time.monotonic())

    def _load(self, version: int, path: pathlib.Path) -> bool:
        """Makes a version available; says whether it is."""
        files = _files(path)
        failure = self._failures.get(version)
        tries = failure.tries if failure and failure.files == files else 0
        if tries and (tries > self._retries.limit or time.monotonic() < failure.time + self._retries.interval_seconds):
            return False
        self._loaded.set_status(version, State.LOADING)
        try:
            servable = self._load_unchanged(version, path, files)
        except Exception as error:  # a broken model raises nearly anything, and must never end the server
            tries = self._retries.limit if isinstance(error, UnfitVersionError) else tries
            self._failures[version] = _Failure(files, tries + 1, time.monotonic())
            self._loaded.set_status(version, State.END, error)
            when = "" if tries >= self._retries.limit else " yet"
            _logger.warning("version %d of %s cannot be loaded%s: %s", version, self.model_name, when, error)
            return False
        self._failures.pop(version, None)
        self._loaded.put(version, servable)
        _logger.info("version %d of %s is available", version, self.model_name)
        return True

    def _load_unchanged(self, version: int, path: pathlib.Path, files: frozenset) -> Servable:
        """Loads a version; one that is still being written may load, with half a vocabulary, and is refused."""
        servable = self._load_servable(self.model_name, version, path)
        if _files(path) != files:
            servable.close()
            raise StatusError(grpc.StatusCode.UNAVAILABLE, f"the files in {path} changed while they were being loaded")
        return servable

    def _unload(self, aspired: set[int]) -> None:
        """Retires what the policy gives up, and frees what no request uses any more."""
        for version in version_policy.given_up(self._loaded.available, aspired):
            self._loaded.retire(version)
        for version in self._loaded.free_idle():
            _logger.info("version %d of %s is unloaded", version, self.model_name)


def unavailable(kind: str, models: Iterable[Versions]) -> StatusError:
    """TensorFlow Serving's words for models of which no version could be loaded; it calls them by a `kind`."""
    causes = [cause for versions in models for cause in versions.causes()]
    listed = "".join(f"{{{cause}}}, " for cause in causes)
    return StatusError(grpc.StatusCode.UNKNOWN, f"{len(causes)} {kind}(s) did not become available: {{{listed}}}")


def _version_folders(base_path: pathlib.Path) -> dict[int, pathlib.Path]:
    numbered = {int(path.name): path for path in base_path.iterdir() if path.name.isdecimal() and path.is_dir()}
    return {version: path for version, path in numbered.items() if version <= _LARGEST_VERSION}


def _files(folder: pathlib.Path) -> frozenset[tuple[str, int, int]]:
    """Path, size in bytes and modification time in ns of every file under a folder; nothing if it cannot be read."""
    try:
        stats = [(str(path), path.stat()) for path in folder.rglob("*") if path.is_file()]
    except OSError:  # deleted meanwhile, or not ours to read: the load will say so
        return frozenset()
    return frozenset((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats)
