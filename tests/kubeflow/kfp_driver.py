"""What the driver of open-source Kubeflow Pipelines 2 does before a container starts, as its Go sources have it.

It resolves a task's inputs, provides its outputs, looks whether a run before has cached them, and says what the pod is.
"""

import hashlib
import json
import re
import uuid
from typing import Any, NamedTuple

_PLACEHOLDER = re.compile(r"\$.inputs.parameters\['(.+?)'\]")


class DriverError(Exception):
    """The task cannot start."""


class Task(NamedTuple):
    """A task that is about to run.

    Attributes:
        executor_input: what `{{$}}` becomes.
        fingerprint: the key of its cached outputs; None when it is not cached.
        pod: image, resources and what the platform specification adds.
    """

    name: str
    executor_input: dict[str, Any]
    fingerprint: str | None
    pod: dict[str, Any]


def drive(
    name: str,
    documents: list[dict],
    run: dict[str, Any],
    artifacts: dict[tuple[str, str], dict],
    output_file: str,
) -> Task:
    """Prepares a task.

    Args:
        name: the task's.
        documents: the pipeline specification and the platform specification.
        run: the run's `parameters`, `root` and `id`.
        artifacts: all artefacts so far, by task and output.
        output_file: where the container shall answer; on a cluster /tmp/kfp_outputs/output_metadata.json.
    """
    spec = documents[0]
    task = spec["root"]["dag"]["tasks"][name]
    component = spec["components"][task["componentRef"]["name"]]
    executor = component["executorLabel"]
    container = spec["deploymentSpec"]["executors"][executor]["container"]
    if task.get("triggerPolicy", {}).get("condition"):
        raise DriverError(f"{name} has a condition; this stand-in evaluates none, and the pipeline is to have none")
    inputs = {
        "parameterValues": {
            key: _parameter(name, key, given, run["parameters"])
            for key, given in task.get("inputs", {}).get("parameters", {}).items()
        },
        "artifacts": {
            key: {"artifacts": [_artifact(name, given, artifacts)]}
            for key, given in task.get("inputs", {}).get("artifacts", {}).items()
        },
    }
    declared = dict(component.get("outputDefinitions", {}).get("artifacts", {}))
    declared["executor-logs"] = {"artifactType": {"schemaTitle": "system.Artifact"}}
    salt = uuid.uuid4()
    outputs = {
        "artifacts": {
            key: {
                "artifacts": [
                    {
                        "uri": f"{run['root']}/{spec['pipelineInfo']['name']}/{run['id']}/{name}/{salt}/{key}",
                        "type": output["artifactType"],
                        **({"metadata": output["metadata"]} if "metadata" in output else {}),
                    }
                ]
            }
            for key, output in declared.items()
        },
        "outputFile": output_file,
    }
    cached = task.get("cachingOptions", {}).get("enableCache", False)
    executor_input = {"inputs": inputs, "outputs": outputs}
    platform = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"] if len(documents) > 1 else {}
    return Task(
        name,
        executor_input,
        _fingerprint(executor_input, container) if cached else None,
        _pod(container, inputs["parameterValues"], platform.get(executor, {})),
    )


def _parameter(task: str, key: str, given: dict, root: dict[str, Any]) -> Any:
    if "componentInputParameter" in given:
        if given["componentInputParameter"] not in root:
            raise DriverError(f"{task}: parent DAG does not have input parameter {given['componentInputParameter']}")
        return root[given["componentInputParameter"]]
    return given["runtimeValue"]["constant"]


def _artifact(task: str, given: dict, artifacts: dict[tuple[str, str], dict]) -> dict:
    source = given["taskOutputArtifact"]
    key = source["producerTask"], source["outputArtifactKey"]
    if key not in artifacts:
        raise DriverError(f"{task}: cannot find producer task {key[0]!r}, of which it does not depend, or {key[1]!r}")
    # The metadata store has a schema, but what is read from it comes without.
    return {**artifacts[key], "type": {"instanceSchema": ""}}


def _fingerprint(executor_input: dict[str, Any], container: dict[str, Any]) -> str:
    inputs, outputs = executor_input["inputs"], executor_input["outputs"]
    key = {
        "inputArtifactNames": {
            name: [artifact["name"] for artifact in given["artifacts"]] for name, given in inputs["artifacts"].items()
        },
        "inputParameterValues": inputs["parameterValues"],
        "outputArtifactsSpec": {
            name: {key: value for key, value in given["artifacts"][0].items() if key != "uri"}
            for name, given in outputs["artifacts"].items()
        },
        "containerSpec": {"image": container["image"], "cmdArgs": [*container["command"], *container["args"]]},
    }
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


def _pod(container: dict[str, Any], parameters: dict[str, Any], platform: dict[str, Any]) -> dict[str, Any]:
    """The pod as Kubernetes would be asked for it; other kinds of parameter than text resolve to nothing."""

    def resolved(text: str) -> str:
        found = _PLACEHOLDER.search(text)
        if found is None:
            return text
        value = parameters[found[1]]
        return value if isinstance(value, str) else ""

    given = container.get("resources", {})
    limits = {"cpu": resolved(given["resourceCpuLimit"]), "memory": resolved(given["resourceMemoryLimit"])}
    requests = {"cpu": resolved(given["resourceCpuRequest"]), "memory": resolved(given["resourceMemoryRequest"])}
    if accelerator := given.get("accelerator"):
        limits[resolved(accelerator["resourceType"])] = resolved(accelerator["resourceCount"])
    return {"image": resolved(container["image"]), "limits": limits, "requests": requests, "platform": platform}
