"""Shipped overlays, a shop's own, the embedded server started as a Deployment starts stock TensorFlow Serving, and a
stand-in for a Kubeflow cluster with its S3 server.
"""

import contextlib
import dataclasses
import functools
import logging
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.request

import pytest
from kfp_cluster import Cluster
from kfp_store import Bucket
from manifests import SERVING, config_maps, container, flags, get, kustomize, pod
from moto.server import ThreadedMotoServer

from serving.client import Tls
from serving.flags import parse
from serving.server import Server

sys.path.append(str(pathlib.Path(__file__).parents[1] / "serving"))  # toy_model and certificates

LOAD_SECONDS = 60
_SECRET = ("access_key_id", "secret_access_key", "endpoint_url", "default_region")


@pytest.fixture(scope="session")
def build():
    """Builds a shipped overlay by its name, each once."""
    return functools.cache(lambda overlay: kustomize(SERVING / "overlays" / overlay))


@pytest.fixture
def shop(tmp_path):
    """A copy of the manifests with a shop's own overlay in it; gives a function that builds that from its text."""
    copy = shutil.copytree(SERVING, tmp_path / "serving")
    own = copy / "overlays" / "shop"
    own.mkdir()

    def build_own(text: str) -> list[dict]:
        (own / "kustomization.yaml").write_text(text)
        return kustomize(own)

    build_own.folder = copy
    return build_own


@pytest.fixture(scope="session")
def versions(tmp_path_factory):
    """A folder as Pusher writes it: the toy model as versions 1, of bias 0, and 2, of bias 100."""
    import toy_model

    base = tmp_path_factory.mktemp("models") / "shelfwise"
    toy_model.export(base / "1")
    toy_model.export(base / "2", bias=100.0)
    return base


@pytest.fixture
def rehearse(tmp_path, versions):
    """Starts the embedded server as an overlay's Pod starts: with its flags and the files that it mounts.

    Only what no laptop has is put in its place: the ports are free ones, the folders of this test stand for the mounted
    ones, and `more` names files to read instead, by their flags. A server is given out once its startup probe is
    content, unless `until_started` is False.
    """
    with contextlib.ExitStack() as running:

        def start(documents: list[dict], *, until_started: bool = True, **more: pathlib.Path) -> Server:
            given = flags(container(documents)["args"]) | {"port": "0", "rest_api_port": "-1"}
            for flag, path in given.items():
                if flag.endswith("_file"):
                    given[flag] = str(more.get(flag) or _mounted(documents, path, tmp_path, versions))
            options = parse([f"--{name}={value}" for name, value in given.items()])
            server = Server(options)
            running.callback(server.stop, grace=0)
            server.start(LOAD_SECONDS)
            if until_started:
                _await_startup_probe(server, documents)
            return server

        yield start


def _await_startup_probe(server: Server, documents: list[dict]) -> None:
    """Asks as the kubelet does before it lets requests through."""
    path = container(documents)["startupProbe"]["httpGet"]["path"]
    deadline = time.monotonic() + LOAD_SECONDS
    while get(server.rest_address, path)[0] != 200:
        assert time.monotonic() < deadline, f"{path} never answered with 200"
        time.sleep(0.05)


def _mounted(documents: list[dict], path: str, folder: pathlib.Path, versions: pathlib.Path) -> pathlib.Path:
    """A file that the Pod sees at `path`, with the folder of versions where `models.config` looks for it."""
    mount_path, name = path.rsplit("/", maxsplit=1)
    (mount,) = [mount for mount in container(documents)["volumeMounts"] if mount["mountPath"] == mount_path]
    (volume,) = [volume for volume in pod(documents)["volumes"] if volume["name"] == mount["name"]]
    content = config_maps(documents)[volume["configMap"]["name"]][name]
    file = folder / name
    file.write_text(content.replace('"/models/shelfwise"', f'"{versions}"'))
    return file


@dataclasses.dataclass(frozen=True)
class TlsFiles:
    """A folder as Kubernetes mounts the Secret, what the script made of it, and a client that the server trusts."""

    secret: pathlib.Path
    ssl_config: pathlib.Path
    client: Tls


@pytest.fixture
def tls_files(tmp_path):
    """Certificates of an authority of this test's own."""
    import certificates

    authority = certificates.Authority(tmp_path, "authority")
    of_server, of_client = authority.issue("server"), authority.issue("client")
    secret = tmp_path / "secret"
    secret.mkdir()
    shutil.copy(of_server.key, secret / "tls.key")
    shutil.copy(of_server.certificate, secret / "tls.crt")
    shutil.copy(authority.certificate, secret / "ca.crt")
    ssl_config = tmp_path / "ssl.config"
    subprocess.run(["bash", SERVING / "components" / "tls" / "ssl_config.sh", secret, ssl_config], check=True)
    return TlsFiles(secret, ssl_config, Tls(authority.certificate, of_client.certificate, of_client.key))


@pytest.fixture(scope="module")
def endpoint():
    """The address of an S3 server with nothing in it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    urllib.request.urlopen(f"{url}/moto-api/reset", data=b"")  # servers of one process share their state
    try:
        yield url
    finally:
        server.stop()


@pytest.fixture(scope="module")
def bucket(endpoint):
    """Where the cluster keeps artefacts."""
    return Bucket(endpoint, "minio://mlpipeline/shelfwise")


@pytest.fixture(scope="module")
def pushed(endpoint):
    """Where versions are pushed to."""
    return Bucket(endpoint, "minio://models/shelfwise")


@pytest.fixture(scope="session")
def secrets():
    """The setting `kubeflow.secrets` that lets containers reach the S3 server."""
    return [{"name": "models", "environment": {key: f"AWS_{key.upper()}" for key in _SECRET}}]


@pytest.fixture(scope="module")
def cluster(bucket, endpoint, tmp_path_factory):
    """The stand-in, with the Secret that `secrets` is about."""
    secret = dict(zip(_SECRET, ("test", "test", endpoint, "us-east-1"), strict=True))
    return Cluster(bucket, tmp_path_factory.mktemp("containers"), {"models": secret})
