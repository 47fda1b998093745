"""Follows a `--model_config_file`, as `--model_config_file_poll_wait_seconds` asks for."""

import logging
import pathlib
import threading

from serving import model_config
from serving.models import Models
from serving.status import StatusError

_logger = logging.getLogger(__name__)


class ModelConfigFile:
    """Applies a file to the models whenever it says something else than what is in force.

    So the file has the last word: what HandleReloadConfigRequest asked for lasts until the next look, as with stock
    TensorFlow Serving. A file that cannot be read or is refused leaves the configuration that is in force.
    """

    def __init__(self, path: str | pathlib.Path, models: Models, poll_seconds: float):
        """Prepares; `start` begins to look at the file every `poll_seconds`."""
        self._path = path
        self._models = models
        self._poll_seconds = poll_seconds
        self._problem = ""  # what was logged last, which need not be said again at every look
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="model-config-file", daemon=True)

    def start(self) -> None:
        """Begins to look, in a thread of its own."""
        self._watcher.start()

    def stop(self) -> None:
        """Looks no more."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()

    def _watch(self) -> None:
        while not self._stopping.wait(self._poll_seconds):
            problem = ""
            try:
                config = model_config.read(self._path)
                if config != self._models.config:
                    self._models.apply(config)
            except (OSError, ValueError, StatusError) as error:
                problem = str(error)
            if problem and problem != self._problem:
                _logger.error("keeping the models that are configured, since %s is refused: %s", self._path, problem)
            self._problem = problem
