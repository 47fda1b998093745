"""Beam on Flink on this machine: Beam's job server, a session cluster of task managers, and the workers' pool."""

import contextlib
import json
import os
import pathlib
import sys
import urllib.request
from collections.abc import Iterator

import yaml

from tools.flink.processes import answers, free_port, serving

_ROOT = pathlib.Path(__file__).parents[2]
# Java 17 hides what Flink's serialisers look into; Flink's own configuration opens the same packages.
_OPENED = ("lang", "lang.reflect", "net", "io", "nio", "text", "time", "util", "util.concurrent")
_OPEN = [
    "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    *(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in _OPENED),
    *(f"--add-opens=java.base/java.util.concurrent.{package}=ALL-UNNAMED" for package in ("atomic", "locks")),
]
# Memory of a task manager in MiB. Flink's scripts would work the parts out; without them each has to be named.
# Transform has some hundred stages, each of which takes network buffers while the job lasts.
_HEAP, _OFF_HEAP, _NETWORK, _MANAGED, _FRAMEWORK = 768, 128, 256, 512, 128


def java(jars: pathlib.Path, main_class: str, *arguments: object, options: tuple[str, ...] = ()) -> list[str]:
    """The command that runs a class of the jars."""
    return ["java", *_OPEN, *options, "-cp", f"{jars}/*", main_class, *map(str, arguments)]


@contextlib.contextmanager
def job_server(jars: pathlib.Path, master: str, folder: pathlib.Path) -> Iterator[str]:
    """Beam's job server in front of a Flink cluster.

    Args:
        jars: as `jars.fetch` returns them.
        master: HOST:PORT of the cluster's REST endpoint; `[local]` for one within the job server.
        folder: for its log and for what jobs bring along.

    Yields:
        HOST:PORT, the `beam.flink.job_endpoint` of a configuration.
    """
    port = free_port()
    configuration = folder / "job_server"
    configuration.mkdir()
    (configuration / "config.yaml").write_text(yaml.safe_dump(_network()))
    command = java(
        *(jars, "org.apache.beam.runners.flink.FlinkJobServerDriver", f"--flink-master={master}"),
        f"--flink-conf-dir={configuration}",
        *(f"--job-port={port}", "--artifact-port=0", "--expansion-port=0", f"--artifacts-dir={folder / 'staged'}"),
        options=("-Xmx2g",),
    )
    with serving(command, folder / "job_server.log", answers(port)):
        yield f"localhost:{port}"


@contextlib.contextmanager
def session_cluster(
    jars: pathlib.Path, folder: pathlib.Path, task_managers: int = 2
) -> Iterator[tuple[str, list[int]]]:
    """A standalone session cluster: a job manager, and task managers of one slot each.

    Args:
        jars: as `jars.fetch` returns them.
        folder: for configuration, logs and what Flink spills.
        task_managers: how many.

    Yields:
        HOST:PORT of the REST endpoint, and the ids of the task managers' processes.
    """
    rest = free_port()
    _write_configuration(folder, rest)
    manager = java(
        *(jars, "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint", "--configDir", folder),
        options=("-Xmx768m",),
    )
    worker = java(
        *(jars, "org.apache.flink.runtime.taskexecutor.TaskManagerRunner", "--configDir", folder),
        options=(f"-Xmx{_HEAP + _FRAMEWORK}m", f"-XX:MaxDirectMemorySize={_OFF_HEAP + _NETWORK + _FRAMEWORK}m"),
    )
    with contextlib.ExitStack() as running:
        running.enter_context(serving(manager, folder / "job_manager.log", answers(rest)))
        workers = [
            running.enter_context(
                serving(worker, folder / f"task_manager_{number}.log", lambda least=number: _registered(rest) >= least)
            )
            for number in range(1, task_managers + 1)
        ]
        yield f"localhost:{rest}", workers


def _write_configuration(folder: pathlib.Path, rest: int) -> None:
    configuration = {
        "jobmanager.rpc.address": "localhost",
        "jobmanager.rpc.port": free_port(),
        "jobmanager.bind-host": "localhost",
        "rest.address": "localhost",
        "rest.bind-address": "localhost",
        "rest.port": rest,
        "taskmanager.host": "localhost",
        "taskmanager.bind-host": "localhost",
        "taskmanager.numberOfTaskSlots": 1,
        "taskmanager.cpu.cores": 1.0,
        "taskmanager.memory.task.heap.size": f"{_HEAP}m",
        "taskmanager.memory.task.off-heap.size": f"{_OFF_HEAP}m",
        **_network(),
        "taskmanager.memory.managed.size": f"{_MANAGED}m",
        "taskmanager.memory.framework.heap.size": f"{_FRAMEWORK}m",
        "taskmanager.memory.framework.off-heap.size": f"{_FRAMEWORK}m",
        "taskmanager.memory.jvm-metaspace.size": "256m",
        "taskmanager.memory.jvm-overhead.min": "192m",
        "taskmanager.memory.jvm-overhead.max": "192m",
        # The job server sends its jars along with every job; they are those that the cluster runs on.
        "classloader.resolve-order": "parent-first",
        # On a machine with other work to do, a pause of a minute is no failure.
        "heartbeat.timeout": 300_000,
        "io.tmp.dirs": str(folder / "spilled"),
    }
    (folder / "spilled").mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(configuration))


def _network() -> dict[str, object]:
    """Buffers for many stages at once; by default each one that writes to the disk takes 16 MiB of them."""
    bounds = {f"taskmanager.memory.network.{bound}": f"{_NETWORK}m" for bound in ("min", "max")}
    return {**bounds, "taskmanager.network.sort-shuffle.min-buffers": 16}


def _registered(rest: int) -> int:
    """How many task managers a cluster has."""
    try:
        with urllib.request.urlopen(f"http://localhost:{rest}/overview", timeout=5) as answer:
            return json.load(answer)["taskmanagers"]
    except OSError:
        return 0


@contextlib.contextmanager
def worker_pool(folder: pathlib.Path) -> Iterator[tuple[str, int]]:
    """A pool of Python workers, which task managers ask for one each.

    Args:
        folder: for its log.

    Yields:
        HOST:PORT, the `environment_config` of an external environment, and the id of the pool's process.
    """
    port = free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")])),
    }
    command = [sys.executable, "-m", "tools.flink.worker_pool", port]
    with serving(command, folder / "worker_pool.log", answers(port), cwd=_ROOT, env=environment) as process:
        yield f"localhost:{port}", process
