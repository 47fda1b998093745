"""Requests made with the stubs of tensorflow-serving-api, as any client of stock TensorFlow Serving would."""

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

TIMEOUT_SECONDS = 120


class Stock:
    """One channel to a server, with the stubs of both services."""

    def __init__(self, address: str, channel: grpc.Channel | None = None):
        self._channel = channel or grpc.insecure_channel(address)
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self.model = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def predict(self, signature, inputs, output_filter=(), timeout=TIMEOUT_SECONDS, **spec):
        """Runs a signature; `inputs` are tensors, or what `tf.make_tensor_proto` takes."""
        return self.prediction.Predict(predict_request(signature, inputs, output_filter, **spec), timeout=timeout)

    def predict_later(self, signature, inputs, **spec):
        """Sends what `predict` sends; gives the future of its answer."""
        return self.prediction.Predict.future(predict_request(signature, inputs, **spec), timeout=TIMEOUT_SECONDS)

    def similar(self, item_id="item-0", k=1, **spec):
        """The cheapest request there is; its best score is that of item-4 and tells versions apart."""
        return self.predict("similar", {"item_id": [item_id], "k": tf.constant([k])}, **spec)

    def metadata(self, fields=("signature_def",), **spec):
        """Calls GetModelMetadata."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
        fill_spec(request.model_spec, **spec)
        return self.prediction.GetModelMetadata(request, timeout=TIMEOUT_SECONDS)

    def states(self, **spec):
        """Calls GetModelStatus; gives the state's name by version, in the order of the answer."""
        response = self.status(**spec)
        return {v.version: v.State.Name(v.state) for v in response.model_version_status}

    def status(self, **spec):
        """Calls GetModelStatus."""
        request = get_model_status_pb2.GetModelStatusRequest()
        fill_spec(request.model_spec, **spec)
        return self.model.GetModelStatus(request, timeout=TIMEOUT_SECONDS)

    def close(self):
        """Closes the channel."""
        self._channel.close()


def predict_request(signature, inputs, output_filter=(), **spec):
    """Builds a PredictRequest."""
    request = predict_pb2.PredictRequest(output_filter=output_filter)
    fill_spec(request.model_spec, signature_name=signature, **spec)
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def fill_spec(model_spec, name="toy", version=None, version_label=None, signature_name=""):
    """Fills a ModelSpec."""
    model_spec.name = name
    model_spec.signature_name = signature_name
    if version is not None:
        model_spec.version.value = version
    if version_label is not None:
        model_spec.version_label = version_label
