"""What kustomize makes of the manifests, finding things in it, and asking what the manifests name."""

import os
import pathlib
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

import yaml

SERVING = pathlib.Path(__file__).parents[2] / "kubeflow" / "serving"


def kustomize(folder: pathlib.Path) -> list[dict]:
    """The documents of an overlay, built without a cluster.

    The kubectl is that of the environment, or else the machine's own; every one carries kustomize.

    Raises:
        AssertionError: kustomize refuses the overlay; the message is kustomize's.
    """
    places = os.pathsep.join((str(pathlib.Path(sys.executable).parent), os.environ.get("PATH", "")))
    kubectl = shutil.which("kubectl", path=places)
    assert kubectl, "no kubectl: `make environment` installs one"
    built = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return list(yaml.safe_load_all(built.stdout))


def only(documents: list[dict], kind: str) -> dict:
    """The one document of a kind."""
    (found,) = [document for document in documents if document["kind"] == kind]
    return found


def pod(documents: list[dict]) -> dict:
    """The specification of the Deployment's Pods."""
    return only(documents, "Deployment")["spec"]["template"]["spec"]


def container(documents: list[dict]) -> dict:
    """The server's container."""
    (found,) = pod(documents)["containers"]
    return found


def flags(arguments: list[str]) -> dict[str, str]:
    """Command-line flags by name."""
    return dict(argument.removeprefix("--").split("=", maxsplit=1) for argument in arguments)


def config_maps(documents: list[dict]) -> dict[str, dict[str, str]]:
    """The files of every ConfigMap, by the map's name."""
    return {document["metadata"]["name"]: document["data"] for document in documents if document["kind"] == "ConfigMap"}


def get(address: str, path: str) -> tuple[int, str]:
    """Status and body of an HTTP answer."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
