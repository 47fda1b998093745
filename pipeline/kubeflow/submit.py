"""Starts a compiled pipeline on a cluster with Kubeflow Pipelines, and waits for it."""

import contextlib
import json
import pathlib
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import requests
import urllib3
import yaml

_PROBE_SECONDS = 10
_POLL_SECONDS = 10.0
_FINISHED = {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"}


class SubmitError(RuntimeError):
    """A run could not be started or did not end well; the message says why, and what to do."""


class Endpoint(NamedTuple):
    """Where Kubeflow Pipelines answers.

    Attributes:
        url: of its API or its user interface, such as http://localhost:8888.
        namespace: of a deployment for many users; None where there is only one.
        token: sent as a bearer; None where none is asked for.
    """

    url: str
    namespace: str | None = None
    token: str | None = None


class Submitted(NamedTuple):
    """A run that was started: its id, and its page."""

    run_id: str
    page: str


def parameters_of(package: pathlib.Path, given: Mapping[str, str]) -> dict[str, Any]:
    """A run's parameters, checked against what a compiled pipeline declares.

    Args:
        package: the compiled pipeline.
        given: values by name, as they are written on a command line.

    Raises:
        SubmitError: a name is unknown, a value is no whole number where one is due, or a value is missing.
    """
    spec = next(yaml.safe_load_all(package.read_text()))
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    if unknown := sorted(set(given) - set(declared)):
        raise SubmitError(f"unknown parameter {unknown[0]}; there are {', '.join(sorted(declared))}")
    missing = [name for name, p in sorted(declared.items()) if "defaultValue" not in p and name not in given]
    if missing:
        raise SubmitError(
            f"no value for {', '.join(missing)}: what is configured is a place on this machine; give it with "
            f"--param {missing[0]}=... as the containers see it, or configure it"
        )
    values: dict[str, Any] = {}
    for name, value in given.items():
        try:
            values[name] = int(value) if declared[name]["parameterType"] == "NUMBER_INTEGER" else value
        except ValueError:
            raise SubmitError(f"{name} must be a whole number, not '{value}'") from None
    return values


class Submitter:
    """A checked connection to a cluster's Kubeflow Pipelines."""

    def __init__(self, endpoint: Endpoint):
        """Connects.

        Raises:
            SubmitError: nobody answers there, the token is refused, or what answers is something else.
        """
        self._endpoint = endpoint
        self._probe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the client says at each start which server versions it is for
            import kfp  # not at the top: it takes a second, which `--help` need not wait for

            self._client = kfp.Client(
                host=endpoint.url, namespace=endpoint.namespace or "kubeflow", existing_token=endpoint.token
            )

    def _probe(self) -> None:
        """Asks for the server's health; kfp itself would try five times, 25 seconds long, and print each traceback."""
        url = self._endpoint.url.rstrip("/")
        headers = {"Authorization": f"Bearer {self._endpoint.token}"} if self._endpoint.token else {}
        try:
            answer = requests.get(
                f"{url}/apis/v2beta1/healthz", headers=headers, timeout=_PROBE_SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise SubmitError(
                f"Kubeflow Pipelines cannot be reached at {url}: {_reason(error)}. Is the address right, and is a port "
                "forwarded, as by `kubectl port-forward --namespace kubeflow svc/ml-pipeline 8888`?"
            ) from None
        if answer.status_code in (401, 403):
            raise self._unauthorised(answer.status_code)
        try:
            healthy = answer.ok and isinstance(answer.json(), dict)
        except requests.JSONDecodeError:
            healthy = False
        if not healthy:
            to = answer.headers.get("Location")
            raise SubmitError(
                f"{url} answers, but not as Kubeflow Pipelines' API: status {answer.status_code}"
                + (f", redirected to {to}; it may want a login: give a token with --token-file" if to else "")
            )

    def _unauthorised(self, status: int) -> SubmitError:
        given = "the token was refused; it may have expired" if self._endpoint.token else "no token was given"
        where = f" in namespace {self._endpoint.namespace}" if self._endpoint.namespace else ""
        return SubmitError(
            f"not authorised at {self._endpoint.url}{where} (status {status}): {given}. Give one with --token-file, as "
            "`kubectl create token` makes it, of an account that may create runs there"
        )

    @contextlib.contextmanager
    def _said_clearly(self) -> Iterator[None]:
        import kfp_server_api

        try:
            yield
        except kfp_server_api.ApiException as error:
            if error.status in (401, 403):
                raise self._unauthorised(error.status) from None
            raise SubmitError(
                f"{self._endpoint.url} refused (status {error.status}): {_body(error.body) or error.reason}"
            ) from None
        except urllib3.exceptions.HTTPError as error:
            raise SubmitError(f"the connection to {self._endpoint.url} broke: {_reason(error)}") from None

    def submit(
        self,
        package: pathlib.Path,
        parameters: dict[str, Any],
        pipeline_root: str,
        experiment: str,
        run_name: str,
        caching: bool = True,
    ) -> Submitted:
        """Starts a run.

        Args:
            package: the compiled pipeline.
            parameters: as `parameters_of` gives them.
            pipeline_root: where its artefacts are stored, such as minio://mlpipeline/shelfwise.
            experiment: what it belongs to; made if it is not there.
            run_name: what it is called.
            caching: whether components may be taken from earlier runs.

        Raises:
            SubmitError: the cluster refused it.
        """
        with self._said_clearly(), contextlib.redirect_stdout(None):  # kfp prints addresses
            run = self._client.create_run_from_pipeline_package(
                str(package),
                arguments=parameters,
                run_name=run_name,
                experiment_name=experiment,
                namespace=self._endpoint.namespace,
                pipeline_root=pipeline_root,
                # True would switch on caching for all components, for those that must never be cached, too.
                enable_caching=None if caching else False,
            )
        return Submitted(run.run_id, f"{self._endpoint.url.rstrip('/')}/#/runs/details/{run.run_id}")

    def wait(self, run_id: str, poll_seconds: float = _POLL_SECONDS) -> None:
        """Waits until a run has ended.

        Raises:
            SubmitError: it did not succeed, or it cannot be asked for any more.
        """
        while True:
            with self._said_clearly():
                run = self._client.get_run(run_id)
            state = (run.state or "").upper()
            if state == "SUCCEEDED":
                return
            if state in _FINISHED:
                why = f": {run.error.message}" if run.error is not None and run.error.message else ""
                raise SubmitError(f"the run {run_id} ended as {state}{why}; the logs of its tasks are on its page")
            time.sleep(poll_seconds)


def _reason(error: Exception) -> str:
    """The innermost cause, without the addresses of objects that urllib3 puts before it."""
    nested = [getattr(error, "reason", None), *error.args[:1]]
    for inner in nested:
        if isinstance(inner, Exception):
            return _reason(inner)
    return str(error).rpartition(": ")[2] or type(error).__name__


def _body(body: str | bytes | None) -> str:
    try:
        found = json.loads(body or "{}")
        return found.get("error_message") or found.get("message") or found.get("error") or ""
    except (ValueError, AttributeError):
        return str(body)[:300]
