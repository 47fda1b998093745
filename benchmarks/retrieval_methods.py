"""The methods that `benchmarks.retrieval` compares: our indexes, and ScaNN in a process of its own."""

import functools
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Protocol

import numpy as np
import tensorflow as tf

from models.retrieval import Index, default_partitions

K = 100  # items that every search asks for
THREADS = 2
_SCANN_REQUIREMENT = "scann==1.4.2"
_SCANN_ENVIRONMENT = pathlib.Path(".cache/scann")


class Method(Protocol):
    """A way to search, ready to be asked."""

    name: str
    bytes: int
    build_seconds: float

    def items(self, count: int) -> np.ndarray:
        """Items found for the first `count` queries: int64 [count, k]."""

    def milliseconds(self, first: int, count: int, batch: int) -> list[float]:
        """Of `count` calls with `batch` queries each, from the query `first` on."""


class InGraph:
    """An index of `models.retrieval` as a TensorFlow function."""

    def __init__(self, name: str, index: Index, queries: np.ndarray, build_seconds: float):
        self.name, self.build_seconds, self._queries = name, build_seconds, queries
        self.bytes = sum(variable.dtype.size * variable.shape.num_elements() for variable in index.variables)
        self._search = tf.function(
            lambda query: index.search(query, K), input_signature=[tf.TensorSpec([None, queries.shape[1]], tf.float32)]
        )

    def items(self, count: int) -> np.ndarray:
        parts = [self._search(part)[1].numpy() for part in np.array_split(self._queries[:count], count // 32 + 1)]
        return np.concatenate(parts)

    def milliseconds(self, first: int, count: int, batch: int) -> list[float]:
        taken = []
        for call in range(count):
            rows = np.arange(batch) + first + call * batch
            query = tf.constant(self._queries[rows % len(self._queries)])
            started = time.perf_counter()
            self._search(query)[1].numpy()
            taken.append((time.perf_counter() - started) * 1e3)
        return taken


class ScannMissing(Exception):
    """ScaNN cannot be had here; the message says why."""


class ScannProcess:
    """`retrieval_scann.py` at work on the same vectors, for as long as the context lasts."""

    def __init__(self, vectors: np.ndarray, queries: np.ndarray):
        self._vectors, self._queries = vectors, queries

    def __enter__(self) -> "ScannProcess":
        """Starts it and waits until its index is built.

        Raises:
            ScannMissing: it cannot be installed, or failed.
        """
        python = _scann_python()
        self._folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self._folder.name)
        files = [folder / "vectors.npy", folder / "queries.npy"]
        for file, values in zip(files, (self._vectors, self._queries), strict=True):
            np.save(file, values)
        script = pathlib.Path(__file__).with_name("retrieval_scann.py")
        self._log = (folder / "log").open("w+")
        self._process = subprocess.Popen(
            [python, script, *files, str(default_partitions(len(self._vectors))), str(THREADS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.ready = self._answer()
        return self

    def __exit__(self, *_) -> None:
        self._process.communicate()  # closes its input, which ends it
        self._log.close()
        self._folder.cleanup()

    def ask(self, **request) -> list:
        """One request and its answer."""
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise ScannMissing(f"its process ended early: {self._log.read()[-500:]}")
        return json.loads(line)


class Scann:
    """ScaNN with so many leaves searched."""

    def __init__(self, process: ScannProcess, leaves: int):
        self.name = f"ScaNN, {leaves} leaves"
        self.bytes, self.build_seconds = process.ready["bytes"], process.ready["seconds"]
        self._ask = functools.partial(process.ask, leaves=leaves, k=K)

    def items(self, count: int) -> np.ndarray:
        return np.array(self._ask(do="items", count=count))

    def milliseconds(self, first: int, count: int, batch: int) -> list[float]:
        return self._ask(do="time", first=first, count=count, batch=batch)


def _scann_python() -> pathlib.Path:
    """The interpreter of an environment that holds ScaNN, made where it is missing."""
    python = _SCANN_ENVIRONMENT / "bin" / "python"
    uv = pathlib.Path(sys.executable).with_name("uv")
    commands = [
        [uv, "venv", "--quiet", "--clear", "--python", "3.11", _SCANN_ENVIRONMENT],
        [uv, "pip", "install", "--quiet", "--python", python, _SCANN_REQUIREMENT, "numpy"],
    ]
    if not python.exists() or subprocess.run([python, "-c", "import scann"], capture_output=True).returncode:
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise ScannMissing(f"it cannot be installed: {done.stderr.strip()}")
    return python
