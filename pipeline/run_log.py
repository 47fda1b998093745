"""Keeps a person's terminal free of what libraries say, and keeps what they say."""

import contextlib
import logging
import os
import pathlib
import sys
import time
from collections.abc import Iterator
from typing import TextIO

from absl import logging as absl_logging


def new_log(run_dir: pathlib.Path) -> pathlib.Path:
    """A log file of its own for what begins now."""
    log = run_dir / "logs" / f"{time.strftime('%Y%m%d-%H%M%S')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    return log


@contextlib.contextmanager
def diverted(path: pathlib.Path) -> Iterator[TextIO]:
    """Sends all logging, and all that is written to standard output and error, to a file.

    The file descriptors themselves are diverted, since TensorFlow's C++ code writes to them past Python.

    Args:
        path: where to; appended to.

    Yields:
        A stream to where standard output went before, for what the person is meant to read.
    """
    root = logging.getLogger()
    handlers, level, verbosity = root.handlers[:], root.level, absl_logging.get_verbosity()
    sys.stdout.flush()
    sys.stderr.flush()
    before = [os.dup(descriptor) for descriptor in (1, 2)]
    with open(path, "a", buffering=1) as file, os.fdopen(os.dup(1), "w", buffering=1) as terminal:
        to_file = logging.StreamHandler(file)
        to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname).1s %(name)s: %(message)s"))
        try:
            for descriptor in (1, 2):
                os.dup2(file.fileno(), descriptor)
            root.handlers = [to_file]
            root.setLevel(logging.INFO)
            absl_logging.set_verbosity(absl_logging.INFO)
            yield terminal
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in zip((1, 2), before, strict=True):
                os.dup2(original, descriptor)
                os.close(original)
            root.handlers = handlers
            root.setLevel(level)
            absl_logging.set_verbosity(verbosity)
