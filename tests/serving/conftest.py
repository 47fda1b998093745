"""Exported toy models, and servers that serve them on a free port."""

import contextlib
import pathlib
import shutil
import time

import pytest
import toy_model
from stock import Stock
from toy_model import POLL_SECONDS

from serving.options import Options
from serving.server import Server


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Exports a toy model once for each set of arguments; gives its folder."""
    folders = {}

    def export(**arguments) -> pathlib.Path:
        key = tuple(sorted(arguments.items()))
        if key not in folders:
            folders[key] = toy_model.export(tmp_path_factory.mktemp("exported") / "model", **arguments)
        return folders[key]

    return export


@pytest.fixture
def publish(exported, tmp_path):
    """Puts a toy model into `tmp_path / "toy"` as a version, whole at once as the Pusher's rename does."""

    def put(version: int, **arguments) -> pathlib.Path:
        aside = shutil.copytree(exported(**arguments), tmp_path / f"toy-{version}-aside")
        (tmp_path / "toy").mkdir(exist_ok=True)
        return aside.rename(tmp_path / "toy" / str(version))

    return put


@pytest.fixture
def server(publish, tmp_path):
    """A server of its own for one test, with version 1 of bias 0; `publish` adds to its folder."""
    publish(1)
    with Server.of_model("toy", tmp_path / "toy", port=0, poll_seconds=POLL_SECONDS) as running:
        yield running


@pytest.fixture
def options(tmp_path):
    """Options of a server of one model, `tmp_path / "toy"`, on a free port; arguments go before that."""

    def make(**values) -> Options:
        defaults = {
            "model_name": "toy",
            "model_base_path": str(tmp_path / "toy"),
            "port": 0,
            "file_system_poll_wait_seconds": POLL_SECONDS,
        }
        return Options(**{**defaults, **values})

    return make


@pytest.fixture
def running(publish, options):
    """Starts servers with the given options for one test, with version 1 of bias 0 to serve."""
    publish(1)
    with contextlib.ExitStack() as servers:
        yield lambda **values: servers.enter_context(Server(options(**values)))


@pytest.fixture
def own_threads(tmp_path):
    """Options of a server whose versions have two threads each, so that `wait` keeps none from whatever else runs."""
    file = tmp_path / "session.config"
    file.write_text("use_per_session_threads: true inter_op_parallelism_threads: 2")
    return {"tensorflow_session_config_file": str(file)}


@pytest.fixture
def stock(server):
    """Stock stubs to the test's own server."""
    connected = Stock(server.address)
    yield connected
    connected.close()


@pytest.fixture(scope="session")
def shared_server(exported, tmp_path_factory):
    """A server for tests that leave its folder alone, with version 7 of bias 0."""
    base = tmp_path_factory.mktemp("shared")
    shutil.copytree(exported(), base / "7")
    with Server.of_model("toy", base, port=0) as running:
        yield running


@pytest.fixture(scope="session")
def shared_stock(shared_server):
    """Stock stubs to the shared server."""
    connected = Stock(shared_server.address)
    yield connected
    connected.close()


@pytest.fixture
def eventually():
    """Waits until a condition holds, and fails if it does not within two minutes."""

    def wait(condition) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come to hold"
            time.sleep(0.01)

    return wait
