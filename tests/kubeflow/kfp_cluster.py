"""A stand-in for a cluster with open-source Kubeflow Pipelines 2: takes a compiled pipeline, and runs it, here.

It does what the API server, the workflow engine, driver and launcher do to a pipeline of components in containers, and
refuses what they refuse. It is written from their sources, not tried against them.
"""

import collections
import concurrent.futures
import pathlib
import shutil
import uuid
from typing import Any, NamedTuple

import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2
from kfp_driver import Task, drive
from kfp_launcher import LauncherError, launch
from kfp_store import Store


class Refused(Exception):
    """The API server does not take this pipeline or these parameters."""


class Run(NamedTuple):
    """A finished run.

    Attributes:
        artifacts: address and metadata of all artefacts, by task and output.
        pods: what each task that ran asked the cluster for.
        attempts: how often each task was started; 0 for a cached one.
    """

    artifacts: dict[tuple[str, str], dict]
    pods: dict[str, dict[str, Any]]
    attempts: dict[str, int]


class Cluster:
    """Runs pipelines on one store, and remembers what it ran."""

    def __init__(
        self, store: Store, folder: pathlib.Path, secrets: dict[str, dict[str, str]] | None = None, workers: int = 2
    ):
        """Args:
        store: of its artefacts.
        folder: where containers run.
        secrets: the Secrets that it has, by name and key.
        workers: how many containers run at a time.
        """
        self._store = store
        self._secrets = secrets or {}
        self._folder = folder
        self._workers = workers
        self._cache: dict[str, dict[str, dict]] = {}
        self._num_artifacts = 0
        self._started: collections.Counter[str] = collections.Counter()

    def started(self, task: str) -> int:
        """How many containers of a task were started, in all runs."""
        return self._started[task]

    def run(
        self, path: pathlib.Path, parameters: dict[str, Any], only: set[str] | None = None, after: Run | None = None
    ) -> Run:
        """Runs a compiled pipeline.

        Args:
            path: the YAML.
            parameters: those of the run; the others have their defaults.
            only: tasks that run, instead of all; what they need of others comes from `after`.
            after: an earlier run, whose artefacts are there already.

        Raises:
            Refused: it or its parameters cannot be taken.
            LauncherError: a task failed as often as it may be tried.
        """
        documents = read(path)
        spec = documents[0]
        run = {"id": uuid.uuid4().hex, "root": self._store.root, "parameters": _parameters(spec, parameters)}
        finished = Run(dict(after.artifacts) if after else {}, {}, {})
        waiting = {name: task for name, task in spec["root"]["dag"]["tasks"].items() if only is None or name in only}
        skipped = set(spec["root"]["dag"]["tasks"]) - set(waiting)
        with concurrent.futures.ThreadPoolExecutor(self._workers) as pool:
            running: dict[concurrent.futures.Future, str] = {}
            done = set(skipped)
            try:
                while waiting or running:
                    for name in [n for n, task in waiting.items() if set(task.get("dependentTasks", [])) <= done]:
                        task = waiting.pop(name)
                        running[pool.submit(self._task, name, task, documents, run, finished)] = name
                    assert running, f"{sorted(waiting)} wait for each other"
                    ready, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                    for future in ready:
                        future.result()
                        done.add(running.pop(future))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return finished

    def _task(self, name: str, spec: dict[str, Any], documents: list[dict], run: dict[str, Any], so_far: Run) -> None:
        container = documents[0]["deploymentSpec"]["executors"][f"{name}_executor"]["container"]
        so_far.attempts[name] = 0
        retries = int(spec.get("retryPolicy", {}).get("maxRetryCount", 0))
        while True:
            folder = self._folder / f"{name}-{uuid.uuid4().hex[:8]}"
            folder.mkdir(parents=True)
            task = drive(name, documents, run, so_far.artifacts, str(folder / "outputs" / "output_metadata.json"))
            if task.fingerprint in self._cache:
                published = self._cache[task.fingerprint]
                break
            so_far.attempts[name] += 1
            self._started[name] += 1
            so_far.pods[name] = task.pod
            try:
                published = self._publish(task, launch(task, container, self._store, folder, self._secrets))
                break
            except LauncherError:
                if so_far.attempts[name] > retries:
                    raise
            finally:
                shutil.rmtree(folder)
        so_far.artifacts.update({(name, key): artifact for key, artifact in published.items()})

    def _publish(self, task: Task, outputs: dict[str, dict]) -> dict[str, dict]:
        for artifact in outputs.values():
            self._num_artifacts += 1
            artifact["name"] = str(self._num_artifacts)
        if task.fingerprint is not None:
            self._cache[task.fingerprint] = outputs
        return outputs


def read(path: pathlib.Path) -> list[dict[str, Any]]:
    """Reads a compiled pipeline as the API server does.

    Raises:
        Refused: it is of another schema, not valid, or has nodes that are not implemented.
    """
    documents = list(yaml.safe_load_all(path.read_text()))
    if len(documents) not in (1, 2):
        raise Refused("a pipeline is one document, or two with its platform specification")
    spec = documents[0]
    if spec.get("schemaVersion") != "2.1.0":
        raise Refused(f"schema version {spec.get('schemaVersion')!r} is not supported")
    try:
        json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
        json_format.ParseDict(spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig())
        for document in documents[1:]:
            json_format.ParseDict(document, pipeline_spec_pb2.PlatformSpec())
            for config in document["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
                json_format.ParseDict(config, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
    except json_format.ParseError as error:
        raise Refused(f"invalid pipeline: {error}") from error
    for label, executor in spec["deploymentSpec"]["executors"].items():
        if "container" not in executor:
            raise Refused(f"executor {label}: {next(iter(executor))} is not implemented")
    return documents


def _parameters(spec: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    if unknown := sorted(set(given) - set(declared)):
        raise Refused(f"unknown parameters: {unknown}")
    values = {name: p["defaultValue"] for name, p in declared.items() if "defaultValue" in p} | given
    if missing := sorted(set(declared) - set(values)):
        raise Refused(f"parameters without a value: {missing}")
    types = {"STRING": str, "NUMBER_INTEGER": int}
    for name, value in values.items():
        if not isinstance(value, types[declared[name]["parameterType"]]):
            raise Refused(f"{name}: {value!r} is no {declared[name]['parameterType']}")
    return values
