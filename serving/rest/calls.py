"""Each call of the REST API: from the body of the request to that of the answer."""

import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    regression_pb2,
)

from serving import inference
from serving.model_service import get_model_status
from serving.models import Models
from serving.rest import answers
from serving.rest.document import parse
from serving.rest.example_request import example_input
from serving.rest.predict_request import predict_inputs, signature_name
from serving.status import invalid


class Calls:
    """The methods are named as in URLs; all raise what those of `serving.inference` do."""

    def __init__(self, models: Models, timeout: float):
        """Takes what is served, and the seconds that a run of the graph may take."""
        self._models = models
        self._timeout = timeout

    def predict(self, model_spec: model_pb2.ModelSpec, body: bytes) -> str:
        """Runs a signature, without the detour over TensorProto."""
        document = parse(body)
        name = signature_name(document) or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
        with self._models.borrow(model_spec) as (_, servable):
            if name not in servable.signatures:
                raise invalid(f'Serving signature name: "{name}" not found in signature def')
            infos = dict(servable.signatures[name].inputs)
            if not infos:
                raise invalid(f"Failed to get input map for signature: {name}")
            inputs = predict_inputs(document, infos)
            outputs = servable.run(name, inputs.arrays, timeout=self._timeout)
        return answers.predictions(outputs, inputs.by_row)

    def classify(self, model_spec: model_pb2.ModelSpec, body: bytes) -> str:
        """Classifies Examples."""
        document = parse(body)
        request = classification_pb2.ClassificationRequest(model_spec=model_spec)
        request.model_spec.signature_name = signature_name(document)
        request.input.CopyFrom(example_input(document))
        return answers.classifications(inference.classify(self._models, request, self._timeout).result)

    def regress(self, model_spec: model_pb2.ModelSpec, body: bytes) -> str:
        """Gives a value for each Example."""
        document = parse(body)
        request = regression_pb2.RegressionRequest(model_spec=model_spec)
        request.model_spec.signature_name = signature_name(document)
        request.input.CopyFrom(example_input(document))
        return answers.regressions(inference.regress(self._models, request, self._timeout).result)

    def status(self, model_spec: model_pb2.ModelSpec) -> str:
        """Gives the state of the model's versions."""
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=model_spec)
        return answers.status(get_model_status(self._models, request))

    def metadata(self, model_spec: model_pb2.ModelSpec) -> str:
        """Gives the signatures."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=model_spec, metadata_field=["signature_def"]
        )
        return answers.metadata(inference.metadata(self._models, request))
