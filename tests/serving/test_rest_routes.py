"""URLs of the REST API: status, metadata, and which forms there are."""

import json

import pytest
from example_model import MODEL_NAME, VERSION, served
from werkzeug.test import Client

from serving.rest import application
from serving.rest.routes import route
from serving.status import StatusError


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with served(tmp_path_factory.mktemp("rest_routes")) as models:
        yield Client(application(models))


@pytest.mark.parametrize("path", [f"/v1/models/{MODEL_NAME}", f"/v1/models/{MODEL_NAME}/versions/{VERSION}"])
def test_status_names_version_state_and_error(client, path):
    response = client.get(path)
    assert (response.status_code, response.content_type) == (200, "application/json")
    assert json.loads(response.data) == {
        "model_version_status": [
            {"version": "3", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/v1/models/other", "Could not find any versions of model other"),
        (f"/v1/models/{MODEL_NAME}/versions/9", f"Could not find version 9 of model {MODEL_NAME}"),
        ("/v1/models/other/metadata", "Servable not found for request: Latest(other)"),
    ],
)
def test_what_is_not_there_is_not_found(client, path, error):
    response = client.get(path)
    assert (response.status_code, json.loads(response.data)) == (404, {"error": error})


def test_metadata_holds_the_signatures(client):
    document = json.loads(client.get(f"/v1/models/{MODEL_NAME}/versions/{VERSION}/metadata").data)
    assert document["model_spec"] == {"name": MODEL_NAME, "signature_name": "", "version": "3"}
    signature = document["metadata"]["signature_def"]["signature_def"]["scale"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["factor"] == {
        "dtype": "DT_FLOAT",
        "name": "factor:0",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
    }
    assert set(signature["outputs"]) == {"scaled"}


@pytest.mark.parametrize(
    ("http_method", "path"),
    [
        ("GET", "/v1/foo"),
        ("POST", "/v1/foo"),
        ("GET", "/v1/models/a/b"),
        ("POST", "/v1/models"),
        ("GET", "/v1/models/m:predict"),
        ("POST", "/v1/models/m:explain"),
        ("POST", "/v1/models/m"),
        ("POST", "/v1/models/m/metadata"),
        ("POST", "/v1/models/m/version/50:regress"),
        ("POST", "/v1/models/m/versions/HELLO:regress"),
        ("POST", "/v1/models/m/label/x:regress"),
        ("POST", "/v1/models/m/versions/50/labels/x:regress"),
        ("POST", "/v1/models/m:predict/"),
        ("PUT", "/v1/models/m:predict"),
        ("DELETE", "/v1/models/m"),
        ("OPTIONS", "/v1/models/m:predict"),
    ],
)
def test_any_other_form_is_malformed(client, http_method, path):
    response = client.open(path, method=http_method)
    assert response.status_code == 400
    assert json.loads(response.data) == {"error": f"Malformed request: {http_method} {path}"}


def test_a_request_for_no_model_says_so(client):
    response = client.get("/v1/models")
    assert (response.status_code, json.loads(response.data)) == (400, {"error": "Missing model name in request."})


def test_a_version_that_no_model_can_have_is_refused(client):
    for version in (2**63, 10**30):
        response = client.get(f"/v1/models/m/versions/{version}")
        assert json.loads(response.data) == {"error": f"Failed to convert version: {version} to numeric."}


def test_paths_outside_the_api_are_not_found(client):
    for path in ("/", "/v1", "/v2/models/m", "/statuspage"):
        assert client.get(path).status_code == 404


def test_case_of_the_fixed_words_and_the_query_do_not_matter(client):
    assert client.get(f"/V1/Models/{MODEL_NAME}?x=1").status_code == 200
    assert client.get(f"/v1/models/{MODEL_NAME.upper()}").status_code == 404


@pytest.mark.parametrize(
    ("http_method", "path", "call", "name", "version", "label"),
    [
        ("POST", "/v1/models/m:predict", "predict", "m", None, ""),
        ("POST", "/v1/models/m:classify", "classify", "m", None, ""),
        ("POST", "/v1/models/m/versions/7:regress", "regress", "m", 7, ""),
        ("POST", "/v1/models/m/labels/canary%20one:predict", "predict", "m", None, "canary one"),
        ("GET", "/v1/models/a%2Fb%3Ac", "status", "a/b:c", None, ""),
        ("GET", "/v1/models/m/labels/stable/metadata", "metadata", "m", None, "stable"),
        ("GET", f"/v1/models/m/versions/{2**63 - 1}/metadata", "metadata", "m", 2**63 - 1, ""),
    ],
)
def test_a_path_names_model_version_or_label_and_call(http_method, path, call, name, version, label):
    asked = route(http_method, path)
    assert (asked.call, asked.model_spec.name, asked.model_spec.version_label) == (call, name, label)
    assert (asked.model_spec.version.value if asked.model_spec.HasField("version") else None) == version


def test_a_name_that_is_no_text_is_refused():
    with pytest.raises(StatusError, match="Failed to decode model name:%FF"):
        route("GET", "/v1/models/%FF")
