"""Requests put together as a batch, and taken apart again."""

import grpc
import numpy as np
import pytest

from serving import merging
from serving.status import StatusError


def _fails(code: grpc.StatusCode, text: str):
    return pytest.raises(StatusError, match=text, check=lambda error: error.code == code)


def test_requests_are_put_together_row_by_row():
    merged = merging.merge(
        [{"a": np.array([1]), "b": np.array([[5.0]])}, {"a": np.array([2, 3]), "b": np.ones((2, 1))}]
    )
    assert merged["a"].tolist() == [1, 2, 3]
    assert merged["b"].tolist() == [[5.0], [1.0], [1.0]]


def test_padding_rows_repeat_the_first_row_of_the_last_request():
    merged = merging.merge([{"a": np.array([1])}, {"a": np.array([2, 3])}], padding_rows=2)
    assert merged["a"].tolist() == [1, 2, 3, 2, 2]


def test_different_inner_dimensions_fail_with_the_remedy():
    wide, narrow = {"a": np.ones((1, 3))}, {"a": np.ones((1, 2))}
    with _fails(grpc.StatusCode.FAILED_PRECONDITION, "'a' .* padding is turned off.Set pad_variable_length_inputs"):
        merging.merge([wide, narrow])


def test_variable_lengths_are_padded_with_each_request_s_own_first_element():
    long = {"a": np.array([[b"x", b"y", b"z"]], object)}
    short = {"a": np.array([[b"p"], [b"q"]], object)}
    merged = merging.merge([long, short], pad_variable_length=True)
    assert merged["a"].tolist() == [[b"x", b"y", b"z"], [b"p", b"p", b"p"], [b"q", b"p", b"p"]]


def test_an_empty_input_cannot_be_padded():
    with _fails(grpc.StatusCode.INVALID_ARGUMENT, "Got empty tensor in batch of non-empty tensors."):
        merging.merge([{"a": np.ones((1, 0))}, {"a": np.ones((1, 2))}], pad_variable_length=True)


def test_different_ranks_fail_even_with_padding():
    with _fails(grpc.StatusCode.FAILED_PRECONDITION, "have different shapes"):
        merging.merge([{"a": np.ones((1, 2))}, {"a": np.ones((1, 2, 1))}], pad_variable_length=True)


def test_outputs_are_given_back_to_the_requests_without_the_padding():
    outputs = {"y": np.array([10, 20, 30, 30]), "z": np.array([[1], [2], [3], [3]])}
    first, second = merging.split(outputs, rows=[1, 2], padding_rows=1)
    assert (first["y"].tolist(), second["y"].tolist()) == ([10], [20, 30])
    assert (first["z"].tolist(), second["z"].tolist()) == ([[1]], [[2], [3]])


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (np.float32(1.0), "Batched output tensor has 0 dimensions"),
        (np.ones(2), "0th dimension does not equal the sum of the 0th dimension sizes of the input tensors"),
    ],
)
def test_an_output_that_is_not_by_row_cannot_be_split(output, text):
    with _fails(grpc.StatusCode.FAILED_PRECONDITION, text):
        merging.split({"y": output}, rows=[1, 2])


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({}, "Batching Run\\(\\) must have at least one input tensor"),
        ({"a": np.array(1)}, "Batching Run\\(\\) input tensors must have at least one dimension"),
        ({"a": np.ones(1), "b": np.ones(2)}, "Batching Run\\(\\) input tensors must have equal 0th-dimension size"),
    ],
)
def test_inputs_without_common_rows_cannot_be_batched(inputs, text):
    with _fails(grpc.StatusCode.INVALID_ARGUMENT, text):
        merging.rows_of(inputs)
