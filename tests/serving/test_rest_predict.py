"""Predict by REST: the JSON of requests and answers, by hand. The application is called without a socket."""

import json
import math

import pytest
from example_model import ECHOED, MODEL_NAME, VERSION, served
from werkzeug.test import Client

from serving.rest import application

_PATH = f"/v1/models/{MODEL_NAME}:predict"
_INT = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
_UINT = {"uint8": 8, "uint32": 32, "uint64": 64}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with served(tmp_path_factory.mktemp("rest_predict")) as models:
        yield Client(application(models))


def _ask(client, body, path=_PATH):
    """Posts a body; gives the HTTP status and the document of the answer."""
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    response = client.post(path, data=data)
    assert response.content_type == "application/json"
    return response.status_code, json.loads(response.data)


def _error(client, body):
    status, document = _ask(client, body)
    assert status == 400
    assert document.keys() == {"error"}
    return document["error"]


def _double(**keys):
    return {"signature_name": "double", **keys}


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (_double(instances=[1.5, -2]), {"predictions": [3.0, -4.0]}),
        (_double(instances=[{"x": [1, 2]}, {"x": [3, 4]}]), {"predictions": [[2.0, 4.0], [6.0, 8.0]]}),
        (_double(instances=[[[1], [2]]]), {"predictions": [[[2.0], [4.0]]]}),
        (_double(instances=[[], []]), {"predictions": [[], []]}),
        (_double(inputs=[1.5, -2]), {"outputs": [3.0, -4.0]}),
        (_double(inputs={"x": [[1, 2], [3, 4]]}), {"outputs": [[2.0, 4.0], [6.0, 8.0]]}),
        (_double(inputs=1.5), {"outputs": 3.0}),
        (_double(inputs=[]), {"outputs": []}),
        (_double(inputs={"x": [1], "unknown": [2]}), {"outputs": [2.0]}),
        (
            {"signature_name": "scale", "instances": [{"x": 2, "factor": 3}, {"factor": 0.5, "x": 4}]},
            {"predictions": [6.0, 2.0]},
        ),
        ({"signature_name": "scale", "inputs": {"x": [2, 4], "factor": [3, 0.5]}}, {"outputs": [6.0, 2.0]}),
        ({"signature_name": "total", "inputs": [1, 2]}, {"outputs": 3.0}),
        ({"signature_name": "uneven", "inputs": [1, 2]}, {"outputs": {"all": [1.0, 2.0], "sum": [3.0]}}),
        ({"signature_name": "uneven", "instances": [5]}, {"predictions": [{"all": 5.0, "sum": 5.0}]}),
        ({"instances": [{"b64": ""}, ""]}, {"predictions": [2.0, 2.0]}),  # serving_default on two empty Examples
    ],
)
def test_the_answer_has_the_form_of_the_request(client, body, answer):
    assert _ask(client, body) == (200, answer)


def test_every_type_is_read_and_written_as_the_signature_says(client):
    integers = {name: [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] for name, bits in _INT.items()}
    integers |= {name: [0, 2**bits - 1] for name, bits in _UINT.items()}
    values = {
        **integers,
        "float32": [0.5, 16777215],
        "float64": [0.1, 9007199254740991],
        "bool": [True, False],
        "string": ["é", {"b64": "w6k"}],  # the second without its padding
    }
    assert values.keys() == set(ECHOED)
    answer = {**values, "string": ["é", "é"]}
    assert _ask(client, {"signature_name": "echo", "inputs": values}) == (200, {"outputs": answer})
    rows = [{name: column[row] for name, column in values.items()} for row in range(2)]
    answers = [{name: column[row] for name, column in answer.items()} for row in range(2)]
    assert _ask(client, {"signature_name": "echo", "instances": rows}) == (200, {"predictions": answers})


def test_a_string_output_whose_name_ends_in_bytes_is_base64(client):
    answer = [{"raw_bytes": {"b64": "w6k="}, "text": "é"}, {"raw_bytes": {"b64": "YQ=="}, "text": "a"}]
    assert _ask(client, {"signature_name": "text", "instances": ["é", "a"]}) == (200, {"predictions": answer})


def test_strings_that_are_no_text_are_written_as_they_are(client):
    response = client.post(_PATH, data='{"signature_name": "text", "inputs": [{"b64": "/w=="}]}')
    assert response.data == b'{"outputs": {"raw_bytes": [{"b64": "/w=="}], "text": ["\xff"]}}'


def test_a_byte_order_mark_is_passed_over(client):
    assert _ask(client, b'\xef\xbb\xbf{"signature_name": "double", "inputs": 1}') == (200, {"outputs": 2.0})


def test_numbers_that_json_does_not_know_are_read_and_written(client):
    response = client.post(_PATH, data='{"signature_name": "double", "inputs": [NaN, Infinity, -Infinity]}')
    assert response.data == b'{"outputs": [NaN, Infinity, -Infinity]}'


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "JSON Parse error: The document is empty"),
        ("instances = [1]", "JSON Parse error: Invalid value. at offset: 0"),
        ('{"instances": [1]', "JSON Parse error: Missing a comma, } or ] after a member or element. at offset: 17"),
        ('{"é": 1} x', "JSON Parse error: The document root must not be followed by other values. at offset: 10"),
        (b'{"inputs": "\xff"}', "JSON Parse error: Invalid encoding in string. at offset: 12"),
        ('{"inputs": ' + "9" * 5000 + "}", "JSON Parse error: Number too big to be stored in double."),
        ('{"inputs": 1e999}', "JSON Parse error: Number too big to be stored in double."),
        ("[" * 100_000, "JSON Parse error: The document is nested too deeply."),
        ("[1]", "JSON Value: [\n    1\n] Is not object"),
        (
            '{"signature_name": 1}',
            'JSON Value: {\n    "signature_name": 1\n} not formatted correctly. '
            "'signature_name' key must be a string value.",
        ),
        (
            '{"signature_name": "none", "inputs": 1}',
            'Serving signature name: "none" not found in signature def',
        ),
        ('{"signature_name": "double"}', "Missing 'inputs' or 'instances' key"),
    ],
)
def test_a_body_that_is_no_request_is_refused(client, body, error):
    assert _error(client, body) == error


_NOT_FLOAT = "Type: String is not of expected type: float"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (_double(inputs=["x"]), f'JSON Value: "x" {_NOT_FLOAT}'),
        (_double(inputs=[None]), "JSON Value: null Type: Null is not of expected type: float"),
        (_double(inputs=[True]), "JSON Value: true Type: True is not of expected type: float"),
        (
            _double(inputs=[{"b64": "YQ=="}]),
            'JSON Value: {\n    "b64": "YQ=="\n} Type: Object is not of expected type: float',
        ),
        (
            _double(inputs=[16777216]),
            "Cannot convert JSON value: 16777216 to float without loss of precision.",
        ),
        (_double(inputs=[1e39]), "Cannot convert JSON value: 1e+39 to float without loss of precision."),
        (
            _double(inputs=[1, [2]]),
            "Encountered list at unexpected level: 1 expected < 1",
        ),
        (
            _double(inputs=[[1], 2]),
            "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
        ),
        (
            _double(inputs=[[1], [2, 3]]),
            "Encountered list at unexpected size: 2 at level: 1 expected size: 1",
        ),
        (_double(inputs={"y": [1]}), "Missing named input: x in 'inputs' object."),
        (
            {"signature_name": "scale", "inputs": [1]},
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            "tensorinfo_map",
        ),
        ({"signature_name": "text", "inputs": [{"b64": "*"}]}, "Unable to base64 decode"),
        (
            {"signature_name": "text", "inputs": [{"c64": "YQ=="}]},
            'JSON Value: {\n    "c64": "YQ=="\n} not formatted correctly for base64 data',
        ),
        (
            '{"signature_name": "text", "inputs": ["\\ud800"]}',
            "JSON Parse error: The surrogate pair in string is invalid.",
        ),
    ],
)
def test_wrong_columns_are_refused_with_the_reason(client, body, error):
    assert _error(client, body) == error


@pytest.mark.parametrize(
    ("instances", "error"),
    [
        (
            [1, "x"],
            f"Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: \"x\" "
            f"{_NOT_FLOAT}",
        ),
        (
            [{"x": 1}, {"x": "x"}],
            "Failed to process element: 1 key: x of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: \"x\" "
            + _NOT_FLOAT,
        ),
        (
            [{"y": 1}],
            "Failed to process element: 0 key: y of 'instances' list. Error: INVALID_ARGUMENT: "
            "JSON object: does not have named input: y",
        ),
        (
            [{"\ud800": 1}],
            "Failed to process element: 0 key: \ud800 of 'instances' list. Error: INVALID_ARGUMENT: "
            "JSON object: does not have named input: \ud800",
        ),
        (
            [{}],
            "Failed to process element: 0 of 'instances' list. JSON object: {} keys must be equal to: x",
        ),
        ([{"x": 1}, 2], "Expecting object but got list at item 1 of input list"),
        ([1, {"x": 2}], "Expecting value/list but got object at item 1 of input list"),
        (
            [[1, 2], [3]],
            "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
            "Expecting tensor size: 2 but got: 1",
        ),
        (
            [[1, 2], [[3, 4]]],
            "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
            "Expecting shape [2] but got: [1,2]",
        ),
    ],
)
def test_wrong_rows_are_refused_with_the_reason(client, instances, error):
    assert _error(client, _double(instances=instances)) == error


def test_instances_must_be_a_list_with_something_in_it(client):
    assert _error(client, {"signature_name": "double", "instances": 1}).endswith(
        "Excepting 'instances' to be an list/array"
    )
    assert _error(client, _double(instances=[])).endswith("No values in 'instances' array")
    assert _error(client, _double(instances=[1], inputs=[1])).endswith(
        "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
    )
    assert _error(client, {"signature_name": "scale", "instances": [1]}) == (
        "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
        "tensorinfo_map"
    )


@pytest.mark.parametrize("name", [*_INT, *_UINT])
def test_only_a_whole_number_within_range_is_taken_for_an_integer(client, name):
    bits = {**_INT, **_UINT}[name]
    largest = 2 ** (bits - 1) - 1 if name in _INT else 2**bits - 1
    others = {other: [0] for other in ECHOED} | {"bool": [True], "string": ["a"]}
    for value in (largest + 1, -(2**63) - 1, 1.0, True, "1"):
        error = _error(client, {"signature_name": "echo", "inputs": others | {name: [value]}})
        assert error.endswith(f"is not of expected type: {name}")


def test_answers_without_rows_cannot_be_given_in_row_form(client):
    assert _error(client, {"signature_name": "total", "instances": [1, 2]}) == (
        "Tensor name: total has no shape information "
    )
    assert _error(client, {"signature_name": "uneven", "instances": [1, 2]}) == (
        "Tensor name: sum has inconsistent batch size: 1 expecting: 2"
    )


def test_a_long_request_is_not_repeated_whole_in_the_message(client):
    error = _error(client, {"signature_name": "text", "inputs": {"c64": "x" * 10_000_000}} | {"instances": [1]})
    assert len(error) < 2000


def test_a_shape_that_the_graph_does_not_take_is_refused(client):
    assert "Cannot feed value of shape (1, 1) for Tensor" in _error(
        client, {"signature_name": "total", "instances": [[1]]}
    )
    error = _error(client, '{"signature_name": "double", "inputs": ' + "[" * 70 + "]" * 70 + "}")
    assert error == "a tensor has at most 64 dimensions, but the lists are nested 70 deep"


def test_versions_are_chosen_by_the_path(client):
    body = _double(inputs=1)
    assert _ask(client, body, f"/v1/models/{MODEL_NAME}/versions/{VERSION}:predict") == (200, {"outputs": 2.0})
    assert _ask(client, body, f"/v1/models/{MODEL_NAME}/versions/9:predict") == (
        404,
        {"error": f"Servable not found for request: Specific({MODEL_NAME}, 9)"},
    )
    status, document = _ask(client, body, f"/v1/models/{MODEL_NAME}/labels/canary:predict")
    assert (status, document["error"]) == (400, "Unrecognized servable version label: canary")


def test_a_float_is_written_with_the_digits_that_tensorflow_serving_writes(client):
    def written(text):
        response = client.post(_PATH, data=f'{{"signature_name": "double", "inputs": {text}}}')
        return response.data.decode()[len('{"outputs": ') : -1]

    assert written(0.05) == "0.1"
    assert written(4500000) == "9e+06"
    assert written(0.00015) == "0.0003"
    assert written(0.000015) == "3e-05"
    assert written(math.pi / 2) == "3.14159274"  # the float nearest to pi needs nine digits
    assert written(0) == "0.0"
    assert written(-0.0) == "-0.0"
    assert written(61) == "122.0"


def test_half_precision_can_be_written_but_not_read(client):
    response = client.post(_PATH, data='{"signature_name": "to_half", "inputs": [0.1, 2]}')
    assert response.data == b'{"outputs": [0.0999755859, 2.0]}'  # 0.1 in half precision is 0.0999755859375
    status, document = _ask(client, {"signature_name": "from_half", "inputs": [1]})
    assert (status, document) == (501, {"error": "Conversion of JSON Values to type: half"})
