"""Starting a run: what the API is told, and what a person is told when it cannot be."""

import http.server
import pathlib
import socket
import threading

import kfp_api
import pytest

from pipeline import config as configs
from pipeline.kubeflow import compiler
from pipeline.kubeflow.submit import Endpoint, SubmitError, Submitter, parameters_of

GROCER = pathlib.Path(__file__).parents[1] / "pipeline" / "grocer.yaml"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    config = configs.load(GROCER, {"data.root": "/tables"})
    return compiler.write(config, tmp_path_factory.mktemp("compiled") / "grocer.yaml")


@pytest.fixture
def api():
    with kfp_api.serve() as api:
        yield api


def start(api, package, **arguments):
    given = {"pipeline_root": "minio://bucket/root", "experiment": "weekly", "run_name": "week 12", **arguments}
    submitter = Submitter(Endpoint(api.url, token=api.token))
    parameters = parameters_of(package, {"destination": "/models", "epochs": "3"})
    return submitter, submitter.submit(package, parameters, **given)


def uncached(api) -> set[str]:
    tasks = api.runs[0]["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"]
    return {name for name, task in tasks.items() if not task.get("cachingOptions", {}).get("enableCache", False)}


def test_a_run_is_started_with_its_parameters_its_root_and_its_names(api, package):
    _, submitted = start(api, package)
    (run,) = api.runs
    assert submitted.run_id == "run-1"
    assert submitted.page == f"{api.url}/#/runs/details/run-1"
    assert run["display_name"] == "week 12"
    assert run["experiment_id"] == api.experiments["weekly"]["experiment_id"]
    assert run["runtime_config"] == {
        "parameters": {"destination": "/models", "epochs": 3},
        "pipeline_root": "minio://bucket/root",
    }


def test_an_experiment_that_is_there_is_used_again(api, package):
    start(api, package)
    start(api, package)
    assert len(api.experiments) == 1
    assert len(api.runs) == 2


def test_the_platform_specification_goes_along(api, package):
    start(api, package)
    spec = api.runs[0]["pipeline_spec"]
    assert set(spec) == {"pipeline_spec", "platform_spec"}
    assert "Trainer_executor" in spec["platform_spec"]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def test_caching_is_as_compiled_and_never_on_for_what_must_not_be_cached(api, package):
    start(api, package, caching=True)
    assert uncached(api) == {"EventsGen", "ItemsGen", "UsersGen", "Baseline"}


def test_caching_can_be_off_for_every_task(api, package):
    start(api, package, caching=False)
    assert uncached(api) == set(api.runs[0]["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"])


def test_waiting_ends_when_the_run_has_succeeded(api, package):
    submitter, submitted = start(api, package)
    submitter.wait(submitted.run_id, poll_seconds=0)
    assert api.states == ["SUCCEEDED"]


@pytest.mark.parametrize("state", ["FAILED", "CANCELED", "SKIPPED"])
def test_waiting_for_a_run_that_does_not_succeed_ends_with_an_error(api, package, state):
    api.states = ["RUNNING", state]
    submitter, submitted = start(api, package)
    with pytest.raises(SubmitError, match=f"run-1 ended as {state}"):
        submitter.wait(submitted.run_id, poll_seconds=0)


def test_a_token_is_sent(api, package):
    api.token = "right"
    start(api, package)
    assert len(api.runs) == 1


@pytest.mark.parametrize(("token", "said"), [(None, "no token was given"), ("wrong", "the token was refused")])
def test_a_missing_or_wrong_token_is_told(api, token, said):
    api.token = "right"
    with pytest.raises(SubmitError, match=rf"not authorised at {api.url} \(status 401\): {said}.*--token-file"):
        Submitter(Endpoint(api.url, token=token))


def test_an_account_that_may_not_create_runs_is_told_which_namespace(api, package):
    api.forbidden = True
    submitter = Submitter(Endpoint(api.url, "team", "known"))
    with pytest.raises(SubmitError, match=r"not authorised at .* in namespace team \(status 403\)"):
        submitter.submit(package, {}, "minio://bucket/root", "weekly", "week 12")


def test_an_address_where_nobody_answers_is_told_at_once():
    with socket.socket() as silent:  # which nobody else can take meanwhile
        silent.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(SubmitError, match=rf"cannot be reached at {url}: .*[Rr]efused.*port-forward"):
            Submitter(Endpoint(url))


def test_a_login_page_is_not_taken_for_the_api():
    class Login(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", "/dex/auth")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Login) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(SubmitError, match=r"status 302, redirected to /dex/auth; it may want a login"):
                Submitter(Endpoint(f"http://127.0.0.1:{server.server_port}"))
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"destination": "/models", "epoch": "2"}, "unknown parameter epoch; there are accelerator, "),
        ({"destination": "/models", "epochs": "two"}, "epochs must be a whole number, not 'two'"),
        ({}, "no value for destination: .* give it with --param destination="),
    ],
)
def test_parameters_are_checked_before_anything_is_sent(package, given, said):
    with pytest.raises(SubmitError, match=said):
        parameters_of(package, given)
