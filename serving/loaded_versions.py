"""The loaded versions of one model: lends them to requests, and frees what is retired once nobody uses it any more."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator

from serving.servable import Servable
from serving.version_status import State, VersionStatus, not_found


@dataclasses.dataclass
class _Loaded:
    servable: Servable
    in_flight: int = 0


class LoadedVersions:
    """Safe to use from many threads; versions are put in, retired and freed by one thread.

    Attributes:
        changed: held while the state changes, and notified after every change.
    """

    def __init__(self, model_name: str, on_idle: Callable[[], None]):
        """Starts empty; `on_idle` is called when the last request of a retired version is done."""
        self.changed = threading.Condition()
        self._model_name = model_name
        self._on_idle = on_idle
        self._available: dict[int, _Loaded] = {}
        self._retired: dict[int, _Loaded] = {}
        self._statuses: dict[int, VersionStatus] = {}

    @property
    def available(self) -> set[int]:
        """The versions that requests may ask for."""
        with self.changed:
            return set(self._available)

    @property
    def retired(self) -> set[int]:
        """The versions that answer their last requests."""
        with self.changed:
            return set(self._retired)

    def statuses(self) -> list[VersionStatus]:
        """Every version ever seen, newest first."""
        with self.changed:
            return sorted(self._statuses.values(), key=lambda status: -status.version)

    def set_status(self, version: int, state: int, error: Exception | None = None) -> None:
        """Notes how far a version has come that is not among the loaded ones."""
        with self.changed:
            self._statuses[version] = VersionStatus(version, state, error)
            self.changed.notify_all()

    def put(self, version: int, servable: Servable) -> None:
        """Makes a version available."""
        with self.changed:
            self._available[version] = _Loaded(servable)
            self.set_status(version, State.AVAILABLE)

    @contextlib.contextmanager
    def borrow(self, version: int | None = None) -> Iterator[tuple[int, Servable]]:
        """Lends an available version, the latest unless one is named; it is not freed meanwhile.

        Raises:
            StatusError: NOT_FOUND, if it is not available.
        """
        with self.changed:
            number = max(self._available, default=None) if version is None else version
            if number not in self._available:
                raise not_found(self._model_name, version)
            loaded = self._available[number]
            loaded.in_flight += 1
        try:
            yield number, loaded.servable
        finally:
            with self.changed:
                loaded.in_flight -= 1
                self.changed.notify_all()
                idle = not loaded.in_flight and self._retired.get(number) is loaded
            if idle:
                self._on_idle()

    def retire(self, version: int) -> None:
        """Lends a version no longer; it is freed by `free_idle` once its requests are done."""
        with self.changed:
            self._retired[version] = self._available.pop(version)
            self.set_status(version, State.UNLOADING)

    def free_idle(self) -> list[int]:
        """Frees the retired versions that no request uses any more, and tells which they were."""
        with self.changed:
            idle = [version for version, loaded in self._retired.items() if not loaded.in_flight]
        for version in idle:
            self._retired[version].servable.close()
            with self.changed:
                del self._retired[version]
                self.set_status(version, State.END)
        return idle

    def free_all(self) -> None:
        """Retires everything, waits for the requests in flight, and frees it."""
        for version in sorted(self.available):
            self.retire(version)
        with self.changed:
            self.changed.wait_for(lambda: not any(loaded.in_flight for loaded in self._retired.values()))
        self.free_idle()
