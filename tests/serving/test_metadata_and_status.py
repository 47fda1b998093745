"""GetModelMetadata and GetModelStatus, asked with the stock stubs."""

import grpc
import pytest
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2


def test_metadata_holds_every_signature_with_its_dtypes_and_shapes(shared_stock):
    response = shared_stock.metadata()
    assert (response.model_spec.name, response.model_spec.version.value) == ("toy", 7)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert set(signatures.signature_def) == {
        *("recommend", "search", "similar", "rank", "sleep", "wait"),
        "__saved_model_init_op",
    }
    similar = signatures.signature_def["similar"]
    assert {name: info.dtype for name, info in similar.inputs.items()} == {
        "item_id": types_pb2.DT_STRING,
        "k": types_pb2.DT_INT32,
    }
    assert [dim.size for dim in similar.inputs["k"].tensor_shape.dim] == [-1]
    assert similar.method_name == "tensorflow/serving/predict"


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        (
            {"fields": []},
            grpc.StatusCode.INVALID_ARGUMENT,
            "GetModelMetadataRequest must specify at least one metadata_field",
        ),
        ({"fields": ["size"]}, grpc.StatusCode.INVALID_ARGUMENT, "Metadata field size is not supported"),
        ({"name": "other"}, grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(other)"),
        ({"version": 8}, grpc.StatusCode.NOT_FOUND, "Servable not found for request: Specific(toy, 8)"),
    ],
)
def test_a_wrong_metadata_request_is_refused(shared_stock, call, code, message):
    with pytest.raises(grpc.RpcError) as caught:
        shared_stock.metadata(**call)
    assert (caught.value.code(), caught.value.details()) == (code, message)


def test_status_of_a_served_version_is_available_and_ok(shared_stock):
    for response in (shared_stock.status(), shared_stock.status(version=7)):
        (version,) = response.model_version_status
        assert (version.version, version.State.Name(version.state)) == (7, "AVAILABLE")
        assert (version.status.error_code, version.status.error_message) == (0, "")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"name": "other"}, "Could not find any versions of model other"),
        ({"version": 8}, "Could not find version 8 of model toy"),
    ],
)
def test_status_of_what_is_not_there_is_not_found(shared_stock, call, message):
    with pytest.raises(grpc.RpcError) as caught:
        shared_stock.status(**call)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.NOT_FOUND, message)


def test_status_without_model_spec_is_refused(shared_stock):
    with pytest.raises(grpc.RpcError) as caught:
        shared_stock.model.GetModelStatus(get_model_status_pb2.GetModelStatusRequest(), timeout=20)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")
