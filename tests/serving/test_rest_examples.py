"""Classify and regress by REST: the JSON of requests and answers, by hand."""

import json

import pytest
from example_model import MODEL_NAME, served
from werkzeug.test import Client

from serving.rest import application


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with served(tmp_path_factory.mktemp("rest_examples")) as models:
        yield Client(application(models))


def _ask(client, method, body):
    response = client.post(
        f"/v1/models/{MODEL_NAME}:{method}", data=body if isinstance(body, str) else json.dumps(body)
    )
    return response.status_code, json.loads(response.data)


def test_regress_gives_a_value_for_each_example(client):
    body = {"examples": [{"x": 4.0}, {"x": [-1.0]}, {}]}
    assert _ask(client, "regress", body) == (200, {"results": [4.0, 1.5, 2.0]})


def test_classify_gives_labels_with_scores_for_each_example(client):
    body = {"signature_name": "signs", "examples": [{"x": 2.5}, {"x": -1.0}]}
    results = [[["minus", -2.5], ["plus", 2.5]], [["minus", 1.0], ["plus", -1.0]]]
    assert _ask(client, "classify", body) == (200, {"results": results})


def test_the_context_holds_where_an_example_says_nothing_else(client):
    body = {"context": {"x": 10.0}, "examples": [{}, {"x": 1.0}]}
    assert _ask(client, "regress", body) == (200, {"results": [7.0, 2.5]})


def test_bytes_may_be_a_string_or_base64(client):
    body = {"signature_name": "names", "examples": [{"name": "é"}, {"name": {"b64": "w6k="}}, {"name": ["a"]}]}
    assert _ask(client, "classify", body) == (200, {"results": [[["é", 0.0]], [["é", 0.0]], [["a", 0.0]]]})


def test_scores_that_json_does_not_know_are_written(client):
    response = client.post(f"/v1/models/{MODEL_NAME}:regress", data='{"examples": [{"x": NaN}, {"x": -Infinity}]}')
    assert response.data == b'{"results": [NaN, -Infinity]}'


@pytest.mark.parametrize(
    ("method", "body", "error"),
    [
        ("regress", "", "JSON Parse error: The document is empty"),
        ("regress", {"signature_name": "none", "examples": [{}]}, "No signature was found with the name: none"),
        (
            "classify",
            {"examples": [{}]},
            'Expected classification signature outputs to contain at least one of "classes" or "scores". ',
        ),
        ("regress", {"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ("regress", {"context": [], "examples": [{}]}, "Example must be JSON object but got JSON Array"),
        ("regress", {"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
        ("regress", {"examples": [{"x": [[1.0]]}]}, "Feature: x has element with unexpected JSON type: Array"),
        ("regress", {"examples": [{"x": {"y": 1}}]}, "Feature: x has element with unexpected JSON type: Object"),
        ("regress", {"examples": [{"x": [1.0, 1]}]}, "Unexpected element type in feature: x expecting type: float"),
        ("regress", {"examples": [{"x": [True, 1.0]}]}, "Unexpected element type in feature: x expecting type: int64"),
        ("regress", {"examples": [{"x": ["a", 1]}]}, "Unexpected element type in feature: x expecting type: bytes"),
        ("regress", {"examples": [{"x": 2**63}]}, "Feature: x has uint64 element. Only int64 is supported."),
        (
            "regress",
            {"examples": [{"x": 1e39}]},
            "Cannot convert JSON value: 1e+39 to float without loss of precision.",
        ),
    ],
)
def test_a_wrong_request_is_refused_with_the_reason(client, method, body, error):
    status, document = _ask(client, method, body)
    assert status == 400
    assert document["error"].startswith(error)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "When method is classify, key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
    ],
)
def test_examples_must_be_a_list_with_something_in_it(client, body, error):
    status, document = _ask(client, "regress", body)
    assert status == 400
    assert document["error"].startswith("JSON Value: {")
    assert document["error"].endswith("} " + error)


def test_a_whole_number_is_an_int64_that_a_float_feature_does_not_take(client):
    status, document = _ask(client, "regress", {"examples": [{"x": 4}]})
    assert status == 400
    assert "Data type: int64 but expected type: float" in document["error"]
