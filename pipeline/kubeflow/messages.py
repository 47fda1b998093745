"""What the open-source launcher says to a container, in words that TFX understands, and TFX's answer in the launcher's.

Both are JSON of `ExecutorInput` and `ExecutorOutput` of Kubeflow Pipelines' specification. TFX 1.21 was written for
Vertex AI. The open-source launcher says four things differently: it leaves the schema of input artefacts empty, adds
outputs of its own to those that are declared, has artefacts in folders of the container, and wants no nulls back.
"""

import base64
import copy
import pathlib
from typing import Any

from components.baseline.absence import ABSENT
from pipeline.kubeflow import run_parameters
from pipeline.kubeflow.places import Places

DATA_URI = "data:text/plain;base64,"


class MessageError(ValueError):
    """What the launcher said cannot be understood; the message says what is wrong with it."""


def to_tfx(
    message: dict[str, Any], inputs_spec: dict[str, Any], places: Places, folder: pathlib.Path
) -> dict[str, Any]:
    """The launcher's `ExecutorInput`, as TFX's entry point takes it.

    Args:
        message: what `{{$}}` became.
        inputs_spec: the component's declared inputs, `ComponentInputsSpec`.
        places: where artefacts are in this container.
        folder: where files that were embedded in the pipeline are unpacked.

    Raises:
        MessageError: an input artefact is of no declared type.
    """
    told = copy.deepcopy(message)
    inputs = told.setdefault("inputs", {})
    for name, artifacts in inputs.get("artifacts", {}).items():
        declared = inputs_spec.get("artifacts", {}).get(name, {}).get("artifactType")
        present = [artifact for artifact in artifacts.get("artifacts", []) if not _is_absent(artifact)]
        for artifact in present:
            if not any(artifact.get("type", {}).values()):
                if declared is None:
                    raise MessageError(f"input '{name}' comes without a type, and the component declares none for it")
                artifact["type"] = declared
            artifact["uri"] = places.folder(artifact["uri"])
        artifacts["artifacts"] = present
    outputs = told.setdefault("outputs", {}).setdefault("artifacts", {})
    for name in [name for name, artifacts in outputs.items() if _is_of_the_launcher(artifacts)]:
        del outputs[name]
    for artifacts in outputs.values():
        for artifact in artifacts["artifacts"]:
            artifact["uri"] = places.folder(artifact["uri"])
    if "parameterValues" in inputs:
        values = run_parameters.apply(inputs["parameterValues"])
        inputs["parameterValues"] = {name: _unpacked(name, value, folder) for name, value in values.items()}
    return told


def to_launcher(answer: dict[str, Any], places: Places) -> dict[str, Any]:
    """TFX's `ExecutorOutput`, as the open-source launcher takes it.

    Where outputs are, the launcher knows; metadata that names folders of this container is given as addresses.
    """
    given = copy.deepcopy(answer)
    for artifacts in given.get("artifacts", {}).values():
        for artifact in artifacts.get("artifacts", []):
            artifact.pop("uri", None)
            if "metadata" in artifact:
                artifact["metadata"] = {
                    key: places.address(value) if isinstance(value, str) else value
                    for key, value in artifact["metadata"].items()
                    if value is not None
                }
    return given


def _is_absent(artifact: dict[str, Any]) -> bool:
    """Whether a component could only say "none" by an output that is marked so."""
    return bool(artifact.get("metadata", {}).get(ABSENT))


def _is_of_the_launcher(artifacts: dict[str, Any]) -> bool:
    """Whether an output, such as `executor-logs`, is none of TFX's types, all of which come as an instance schema."""
    return any("schemaTitle" in artifact.get("type", {}) for artifact in artifacts.get("artifacts", []))


def _unpacked(name: str, value: Any, folder: pathlib.Path) -> Any:
    if not (isinstance(value, str) and value.startswith(DATA_URI)):
        return value
    file = folder / name
    file.write_bytes(base64.b64decode(value.removeprefix(DATA_URI)))
    return str(file)
