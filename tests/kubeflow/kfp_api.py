"""A server that answers as the API of Kubeflow Pipelines 2 does, as far as starting a run and waiting for it goes."""

import contextlib
import http.server
import json
import threading
import urllib.parse
from collections.abc import Iterator


class Api:
    """What the server was told, and what it answers.

    Attributes:
        token: what it wants as a bearer; None: nothing.
        states: what each next look at the run finds it in; the last one stays.
        runs: bodies of the runs that were started.
        experiments: experiments by name.
        forbidden: whether creating runs is refused to everyone.
    """

    def __init__(self):
        self.token: str | None = None
        self.states = ["PENDING", "RUNNING", "SUCCEEDED"]
        self.runs: list[dict] = []
        self.experiments: dict[str, dict] = {}
        self.forbidden = False
        self.url = ""


@contextlib.contextmanager
def serve() -> Iterator[Api]:
    """Serves on a free port of loopback until the block ends."""
    api = Api()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path, query = urllib.parse.urlsplit(self.path)[2:4]
            if not self._may():
                return self._send(401, {"error": "Unauthorized"})
            match path.removeprefix("/apis/v2beta1/").split("/"):
                case ["healthz"]:
                    return self._send(200, {"multi_user": False})
                case ["experiments"]:
                    name = json.loads(urllib.parse.parse_qs(query)["filter"][0])["predicates"][0]["stringValue"]
                    found = [api.experiments[name]] if name in api.experiments else []
                    return self._send(200, {"experiments": found, "total_size": len(found)})
                case ["experiments", experiment_id]:
                    found = [e for e in api.experiments.values() if e["experiment_id"] == experiment_id]
                    return self._send(200, found[0])
                case ["runs", run_id]:
                    state = api.states.pop(0) if len(api.states) > 1 else api.states[0]
                    error = {"error": {"code": 3, "message": "Trainer failed"}} if state == "FAILED" else {}
                    return self._send(200, {"run_id": run_id, "state": state, **error})
            return self._send(404, {"error": "Not Found"})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not self._may():
                return self._send(401, {"error": "Unauthorized"})
            if self.path.endswith("/experiments"):
                made = {**body, "experiment_id": f"experiment-{len(api.experiments)}"}
                api.experiments[body["display_name"]] = made
                return self._send(200, made)
            if api.forbidden:
                return self._send(403, {"error": "User is not authorized to create runs", "code": 7})
            api.runs.append(body)
            return self._send(200, {**body, "run_id": f"run-{len(api.runs)}", "state": "PENDING"})

        def _may(self) -> bool:
            return api.token is None or self.headers.get("Authorization") == f"Bearer {api.token}"

        def _send(self, status: int, body: dict) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
