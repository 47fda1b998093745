"""The models that a server serves: those of a ModelServerConfig, which may be replaced while they are served."""

import contextlib
import logging
import pathlib
import threading
import time
from collections.abc import Mapping

import grpc
from tensorflow_serving.apis import model_pb2

from serving import model_config
from serving.model_config import ModelServerConfig
from serving.servable import Servable
from serving.status import StatusError
from serving.version_status import VersionStatus, not_found
from serving.versions import Load, LoadRetries, Versions, unavailable

_logger = logging.getLogger(__name__)


class Models:
    """Loads what the configuration asks for, and lends it to requests by name and version or label.

    Example:
        config = model_config.single("toy", "/models/toy")
        models = Models(config, lambda name, version, path: Servable(path))
        models.start()
        models.wait_until_available()
        with models.borrow(model_pb2.ModelSpec(name="toy")) as (version, servable):
            ...
    """

    def __init__(
        self,
        config: ModelServerConfig,
        load: Load,
        *,
        poll_seconds: float = 1.0,
        max_load_retries: int = 5,
        load_retry_interval_seconds: float = 60.0,
        allow_labels_for_unavailable: bool = False,
    ):
        """Checks the configuration; `start` begins to load.

        Args:
            config: what to serve at first.
            load: gives a servable that is ready to answer, or raises; called in a thread of the model's own.
            poll_seconds: time between two looks for versions; 0 or less looks only when the configuration changes, and
                to try again what failed.
            max_load_retries: how often a version that failed is tried again while its files stay the same.
            load_retry_interval_seconds: time between two such tries.
            allow_labels_for_unavailable: whether a new label may name a version that is not available yet; one that
                is in use may not be moved to such a version in either case.

        Raises:
            StatusError: the configuration is not accepted; code and text are TensorFlow Serving's.
        """
        self._load = load
        self._poll_seconds = poll_seconds
        self._retries = LoadRetries(max_load_retries, load_retry_interval_seconds)
        self._allow_labels_for_unavailable = allow_labels_for_unavailable
        self._applying = threading.Lock()
        # Requests read these three without a lock, so each is replaced whole and never changed in place.
        self._versions: Mapping[str, Versions] = {}
        self._labels: Mapping[str, Mapping[str, int]] = {}
        self._config = ModelServerConfig()
        model_config.check(config)
        self._labels = self._checked_labels(config)
        self._config = config

    @property
    def config(self) -> ModelServerConfig:
        """The configuration in force; not to be changed."""
        return self._config

    def __contains__(self, model_name: str) -> bool:
        """Whether a model of this name is configured, loaded or not."""
        return any(model.name == model_name for model in self._config.model_config_list.config)

    def start(self) -> None:
        """Begins to watch and to load.

        Raises:
            FileNotFoundError: a base path does not exist.
        """
        for model in self._config.model_config_list.config:
            if not pathlib.Path(model.base_path).is_dir():
                raise FileNotFoundError(
                    f"Could not find base path {model.base_path} for servable {model.name}: "
                    "push a model there first, or correct the path"
                )
        for model in self._config.model_config_list.config:
            self._watch(model)

    def stop(self) -> None:
        """Waits for the requests in flight and unloads everything."""
        for versions in self._versions.values():
            versions.stop()

    def wait_until_available(self, timeout: float | None = None) -> None:
        """Blocks until a version of every configured model is served.

        Raises:
            TimeoutError: one was not after `timeout` seconds; the message says why.
            StatusError: UNKNOWN, one has failed for good: its tries are used up.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        for model in self._config.model_config_list.config:
            remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
            versions = self._versions[model.name]
            if not versions.wait_until_available(remaining):
                raise TimeoutError(
                    f"no version of {model.name} became available within {timeout:g} s: {', '.join(versions.causes())}"
                )

    def borrow(self, spec: model_pb2.ModelSpec) -> contextlib.AbstractContextManager[tuple[int, Servable]]:
        """Lends the version that a request asks for, as (version, servable); it is not unloaded meanwhile.

        Raises:
            StatusError: INVALID_ARGUMENT without a name or with an unknown label, NOT_FOUND (on entry at the latest)
                if the model or version is not available.
        """
        if not spec.name:
            raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified.")
        version = self._asked_version(spec)
        if spec.name not in self._versions:
            raise not_found(spec.name, version)
        return self._versions[spec.name].borrow(version)

    def statuses(self, model_name: str) -> list[VersionStatus]:
        """Every version of a model seen since the start, newest first; none if there is no such model."""
        versions = self._versions.get(model_name)
        return versions.statuses() if versions else []

    def apply(self, config: ModelServerConfig) -> None:
        """Replaces the configuration: all of it, or nothing if it is not accepted.

        Blocks until the models that are new have loaded. Versions of the others are loaded and unloaded afterwards.

        Raises:
            StatusError: it is not accepted, or a new model cannot be loaded; code and text are TensorFlow Serving's.
        """
        with self._applying:
            if config.WhichOneof("config") is None:
                _logger.info("Taking no action for empty config.")
                return
            model_config.check(config, self._config)
            labels = self._checked_labels(config)
            self._load_new([model for model in config.model_config_list.config if model.name not in self])
            for model in config.model_config_list.config:
                self._versions[model.name].watch(model.base_path, model.model_version_policy)
            for name in self._versions.keys() - {model.name for model in config.model_config_list.config}:
                self._versions[name].watch(None)
            self._config, self._labels = config, labels
            _logger.info("serving the models %s", ", ".join(sorted(m.name for m in config.model_config_list.config)))

    def _watch(self, model: model_config.ModelConfig) -> Versions:
        """Begins to load a model, or to load it again that was configured before."""
        versions = self._versions.get(model.name)
        if versions is None:
            versions = Versions(model.name, self._load, self._poll_seconds, self._retries)
            versions.start()
            self._versions = {**self._versions, model.name: versions}
        versions.watch(model.base_path, model.model_version_policy)
        return versions

    def _load_new(self, models: list[model_config.ModelConfig]) -> None:
        """Loads models that were not configured so far; if one fails, unloads those that did not."""
        loading = [self._watch(model) for model in models]
        for versions in loading:
            versions.wait_until_looked()
        if failed := [versions for versions in loading if not versions.available]:
            error = unavailable("model", failed)
            for versions in loading:
                versions.watch(None)
            raise error

    def _asked_version(self, spec: model_pb2.ModelSpec) -> int | None:
        """The version number that a request names, itself or by a label; None is the latest."""
        match spec.WhichOneof("version_choice"):
            case "version":
                return spec.version.value
            case "version_label":
                labels = self._labels.get(spec.name, {})
                if spec.version_label not in labels:
                    raise StatusError(
                        grpc.StatusCode.INVALID_ARGUMENT, f"Unrecognized servable version label: {spec.version_label}"
                    )
                return labels[spec.version_label]
            case _:
                return None

    def _checked_labels(self, config: ModelServerConfig) -> dict[str, dict[str, int]]:
        """Version by label by model, each of which may be assigned."""
        for model in config.model_config_list.config:
            current = self._labels.get(model.name, {})
            available = self._versions[model.name].available if model.name in self._versions else set()
            for label, version in model.version_labels.items():
                excused = self._allow_labels_for_unavailable and current.get(label, version) == version
                if version not in available and not excused:
                    raise StatusError(
                        grpc.StatusCode.FAILED_PRECONDITION,
                        f"Request to assign label to version {version} of model {model.name}, which is not currently "
                        "available for inference",
                    )
        return {model.name: dict(model.version_labels) for model in config.model_config_list.config}
