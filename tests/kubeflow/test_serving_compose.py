"""The compose files: one host serves as a Pod does."""

import os
import shutil
import subprocess

import pytest
import yaml
from manifests import SERVING, container, pod


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((SERVING / "compose.yaml").read_text())


SERVICES = pytest.mark.parametrize(("service", "overlay"), [("serving", "gpu"), ("serving-cpu", "cpu")])


@SERVICES
def test_a_host_runs_what_a_pod_runs(compose, build, service, overlay):
    of_pod, of_host = container(build(overlay)), compose["services"][service]
    assert of_host["entrypoint"] == of_pod["command"]
    assert of_host["command"] == of_pod["args"]
    assert of_host["image"] == of_pod["image"]
    assert of_host["deploy"]["resources"]["limits"]["memory"] + "i" == of_pod["resources"]["limits"]["memory"]
    assert of_host.get("environment", {}) == {each["name"]: each["value"] for each in of_pod.get("env", [])}


@SERVICES
def test_a_host_gives_the_server_no_more_rights_than_a_pod(compose, build, service, overlay):
    of_host = compose["services"][service]
    user = pod(build(overlay))["securityContext"]
    assert of_host["user"] == f"{user['runAsUser']}:{user['runAsGroup']}"
    assert of_host["read_only"] is True
    assert of_host["cap_drop"] == ["ALL"]
    assert of_host["security_opt"] == ["no-new-privileges:true"]
    assert all(volume.endswith(":ro") for volume in of_host["volumes"])


def test_only_this_host_is_answered_unless_one_says_otherwise(compose):
    for service in compose["services"].values():
        assert service["ports"] == ["${GRPC_INTERFACE:-127.0.0.1}:8500:8500", "127.0.0.1:8501:8501"]


def test_one_gpu_is_reserved(compose):
    (device,) = compose["services"]["serving"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}


def test_the_health_check_tells_a_server_that_answers_from_none(compose, build, rehearse):
    server = rehearse(build("gpu"))
    kind, *command = compose["services"]["serving"]["healthcheck"]["test"]
    assert kind == "CMD"
    port = server.rest_address.rpartition(":")[2]
    check = [word.replace("/8501", f"/{port}") for word in command]
    assert subprocess.run(check, check=False, timeout=10).returncode == 0
    server.stop(grace=0)
    assert subprocess.run(check, check=False, timeout=10, capture_output=True).returncode != 0


@pytest.mark.parametrize("files", [["compose.yaml"], ["compose.yaml", "compose.tls.yaml"]])
@pytest.mark.parametrize("profile", ["gpu", "cpu"])
def test_docker_compose_accepts_the_files(files, profile, tmp_path):
    command = _docker_compose()
    named = [argument for file in files for argument in ("-f", SERVING / file)]
    environment = os.environ | {"VERSIONS": str(tmp_path), "SSL_CONFIG": str(tmp_path / "ssl.config")}
    configured = subprocess.run(
        [*command, *named, "--profile", profile, "config"], env=environment, capture_output=True, text=True, check=False
    )
    assert configured.returncode == 0, configured.stderr
    (service,) = yaml.safe_load(configured.stdout)["services"].values()
    assert ("--ssl_config_file=/run/secrets/ssl.config" in service["entrypoint"]) == (len(files) == 2)
    assert "--model_config_file=/etc/shelfwise/models/models.config" in service["command"]


def _docker_compose() -> list[str]:
    """The command of Docker Compose, as a plug-in or by itself; without one, the test is skipped."""
    for command in (["docker", "compose"], ["docker-compose"]):
        there = shutil.which(command[0]) is not None
        if there and subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0:
            return command
    pytest.skip("needs Docker Compose")
