"""What the launcher of open-source Kubeflow Pipelines 2 does around a container's command, as its Go sources have it.

A container is a process here: with an environment of its own, folders of its own, and the working tree in place of the
image. It shares nothing with other tasks but the store, and what the run mounts: the tables and the pushed versions.
"""

import json
import pathlib
import subprocess
import sys
from typing import Any

from kfp_driver import Task
from kfp_store import Store

from pipeline.kubeflow.places import Places

IMAGE = pathlib.Path(__file__).parent.parent.parent


class LauncherError(Exception):
    """The container failed, or what it left behind cannot be published; the message ends with its log."""


def launch(
    task: Task, container: dict[str, Any], store: Store, folder: pathlib.Path, secrets: dict[str, dict[str, str]]
) -> dict[str, dict]:
    """Runs a task's container.

    Args:
        task: what the driver prepared.
        container: its specification: command and arguments.
        store: where artefacts come from and go to.
        folder: the container's own; gone with it.
        secrets: the cluster's, of which the container sees what its pod names.

    Returns:
        Its output artefacts by name: address and metadata.
    """
    places = Places(str(folder))
    inputs, outputs = task.executor_input["inputs"], task.executor_input["outputs"]
    for given in inputs["artifacts"].values():
        uri = given["artifacts"][0]["uri"]
        store.download(uri, pathlib.Path(places.folder(uri)))
    for given in outputs["artifacts"].values():  # their parents only
        pathlib.Path(places.folder(given["artifacts"][0]["uri"])).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(outputs["outputFile"]).parent.mkdir(parents=True, exist_ok=True)
    log = pathlib.Path(places.folder(outputs["artifacts"]["executor-logs"]["artifacts"][0]["uri"]))
    environment = {
        pair["envVar"]: secrets[secret["secretName"]][pair["secretKey"]]
        for secret in task.pod["platform"].get("secretAsEnv", [])
        for pair in secret["keyToEnv"]
    }
    _run(task, container, folder, log, environment)

    answer = json.loads(pathlib.Path(outputs["outputFile"]).read_text())
    published = {}
    for name, given in outputs["artifacts"].items():
        artifact = dict(given["artifacts"][0])
        for said in answer.get("artifacts", {}).get(name, {}).get("artifacts", [])[:1]:
            artifact["uri"] = said.get("uri") or artifact["uri"]
            artifact["metadata"] = artifact.get("metadata", {}) | said.get("metadata", {})
        if artifact["uri"] != given["artifacts"][0]["uri"]:
            raise LauncherError(f"{task.name}: {name} was moved to {artifact['uri']}, which is not in the bucket")
        for key, value in artifact.get("metadata", {}).items():
            if value is None:
                raise LauncherError(f"{task.name}: {name} has null as {key}, which the metadata store cannot hold")
        store.upload(pathlib.Path(places.folder(artifact["uri"])), artifact["uri"])
        published[name] = {
            "uri": artifact["uri"],
            "metadata": artifact.get("metadata", {}) | {"display_name": name, "store_session_info": "{}"},
        }
    return published


def _run(
    task: Task, container: dict[str, Any], folder: pathlib.Path, log: pathlib.Path, secrets: dict[str, str]
) -> None:
    message = json.dumps(task.executor_input)
    arguments = [argument.replace("{{$}}", message) for argument in container["args"]]
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {
        "PATH": f"{pathlib.Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home),
        "PYTHONPATH": str(IMAGE),
        "LANG": "C.UTF-8",
        **secrets,
    }
    # All that no container would be told: that its launcher's folders are not at the root of this machine.
    command = [*container["command"], *arguments, f"--places_root={folder}"]
    with open(log, "wb") as file:
        code = subprocess.run(
            command, env=environment, cwd=IMAGE, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        ).returncode
    if code:
        raise LauncherError(f"{task.name} ended with {code}:\n{log.read_text(errors='replace')[-4000:]}")
