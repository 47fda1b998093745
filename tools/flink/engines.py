"""The engines that are held against each other, each as the section `beam` that its runs have."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping

from pipeline.config_beam import Beam, Flink
from tools.flink import cluster

DIRECT = "direct"
TASK_MANAGERS = 2


@dataclasses.dataclass(frozen=True)
class Engine:
    """An engine that runs.

    Attributes:
        beam: what a configuration says to use it.
        processes: the ids of the processes that do the work, by what they are; this one is not among them.
    """

    beam: Beam
    processes: Mapping[str, int]


@contextlib.contextmanager
def direct(jars: pathlib.Path, folder: pathlib.Path) -> Iterator[Engine]:
    """The runner in the process."""
    yield Engine(Beam(), {})


@contextlib.contextmanager
def embedded(jars: pathlib.Path, folder: pathlib.Path) -> Iterator[Engine]:
    """Flink within Beam's job server; this process is its worker."""
    with cluster.job_server(jars, "[local]", folder) as endpoint:
        yield Engine(_flink(endpoint, environment="loopback"), {})


@contextlib.contextmanager
def session_cluster(jars: pathlib.Path, folder: pathlib.Path) -> Iterator[Engine]:
    """Two task managers in processes of their own; their workers come from a pool, in another."""
    with (
        cluster.session_cluster(jars, folder, TASK_MANAGERS) as (rest, managers),
        cluster.job_server(jars, rest, folder) as endpoint,
        cluster.worker_pool(folder) as (pool, pool_process),
    ):
        processes = {f"task manager {number}": process for number, process in enumerate(managers, start=1)}
        beam = _flink(endpoint, environment="external", environment_config=pool)
        yield Engine(beam, {**processes, "Python workers": pool_process})


def _flink(endpoint: str, **environment: str) -> Beam:
    return Beam(runner="flink", flink=Flink(job_endpoint=endpoint, parallelism=TASK_MANAGERS, **environment))


ENGINES = {DIRECT: direct, "flink-embedded": embedded, "flink-cluster": session_cluster}
