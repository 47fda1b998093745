"""One loaded version of a model.

Runs a signature the way TensorFlow Serving does: a session over the SavedModel's graph, fed and fetched by the tensor
names of the signature. So the output filter prunes the graph, the deadline of the request stops it, and errors carry
the codes and the texts of the same C++ session. The texts of the checks before it are those of TensorFlow Serving 2.19
(`predict_util.cc`) and TensorFlow (`saved_model/util.cc`).
"""

import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import grpc
import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the tokenizers' ops
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving import tensors
from serving.status import StatusError

# Classify and Regress signatures may be asked to predict; the initialisation op, which is kept among them, may not.
_CALLABLE_METHODS = (
    tf.compat.v1.saved_model.PREDICT_METHOD_NAME,
    tf.compat.v1.saved_model.CLASSIFY_METHOD_NAME,
    tf.compat.v1.saved_model.REGRESS_METHOD_NAME,
)

_LONGEST_RUN_MS = 2**31 - 1  # of calls without a deadline, which gRPC shows as one in millions of years


def _invalid(message: str) -> StatusError:
    return StatusError(grpc.StatusCode.INVALID_ARGUMENT, message)


def _set(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


class Servable:
    """A SavedModel, loaded and ready to answer; safe to call from many threads.

    Attributes:
        signatures: SignatureDef by key, the initialisation op's included, as `GetModelMetadata` shows them.
    """

    def __init__(self, path: pathlib.Path):
        """Loads variables, tables and assets.

        Raises:
            Exception: whatever TensorFlow raises on a folder that is no complete SavedModel or needs an unknown op.
        """
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        try:
            # Deprecated in favour of eager loading, which knows neither deadlines nor pruning.
            meta_graph = tf.compat.v1.saved_model.load(self._session, [tf.saved_model.SERVING], str(path))
        except BaseException:
            self._session.close()
            raise
        self.signatures: dict[str, meta_graph_pb2.SignatureDef] = dict(meta_graph.signature_def)

    def predict(
        self,
        signature_name: str,
        inputs: Mapping[str, tensor_pb2.TensorProto],
        output_filter: Sequence[str] = (),
        timeout: float = math.inf,
    ) -> dict[str, tensor_pb2.TensorProto]:
        """Runs a signature.

        Args:
            signature_name: one of `signatures`.
            inputs: tensors by the signature's input names; inputs with a default in the signature may be missing.
            output_filter: names of the outputs to compute; none means all.
            timeout: seconds after which the run is stopped.

        Raises:
            StatusError: the request does not fit the signature.
            tf.errors.OpError: the graph refused the values, or the time was up.
        """
        signature = self._signature(signature_name)
        feeds = _feeds(signature, inputs)
        outputs = _outputs(signature, output_filter)
        options = tf.compat.v1.RunOptions(timeout_in_ms=max(1, int(min(timeout * 1000, _LONGEST_RUN_MS))))
        fetches = {name: signature.outputs[name].name for name in outputs}
        try:
            values = self._session.run(fetches, feeds, options=options)
        except ValueError as error:  # a feed of another rank or fixed dimension than the placeholder's
            raise _invalid(str(error)) from None
        return {name: tensors.to_proto(value, signature.outputs[name].dtype) for name, value in values.items()}

    def close(self) -> None:
        """Frees the variables and tables; no request may be running."""
        self._session.close()

    def _signature(self, name: str) -> meta_graph_pb2.SignatureDef:
        if name not in self.signatures:
            raise StatusError(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        signature = self.signatures[name]
        if signature.method_name not in _CALLABLE_METHODS:
            raise StatusError(
                grpc.StatusCode.INTERNAL,
                f"Expected prediction signature method_name to be one of {{{', '.join(_CALLABLE_METHODS)}}}. "
                f"Was: {signature.method_name}",
            )
        return signature


def _feeds(
    signature: meta_graph_pb2.SignatureDef, inputs: Mapping[str, tensor_pb2.TensorProto]
) -> dict[str, np.ndarray]:
    """Checks the inputs against the signature; gives arrays by tensor name."""
    sent, wanted = set(inputs), set(signature.inputs)
    if len(sent) > len(wanted) or (len(sent) < len(wanted) and not signature.defaults):
        raise _invalid(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({_set(sent)}) != len({_set(wanted)})."
            f" Sent extra: {_set(sent - wanted)}. Missing but required: {_set(wanted - sent)}."
        )
    if missing := wanted - sent - set(signature.defaults):
        alias = min(missing)
        raise _invalid(
            f"Signature input alias: {alias}(feed name: {signature.inputs[alias].name}) not found in request and no "
            f"default value provided. Inputs expected to be in the request {_set(sent)}, or default input alias set: "
            f"{','.join(sorted(signature.defaults))}"
        )
    if not sent <= wanted:
        raise _invalid(
            f"Inputs contains invalid name. Used request inputs: {','.join(sorted(sent & wanted))}, "
            f"request input: {','.join(sorted(sent))}"
        )
    feeds = {}
    # The session numbers its arguments by tensor name, and its message counts them.
    for index, (alias, info) in enumerate(sorted(signature.inputs.items(), key=lambda item: item[1].name)):
        proto = inputs[alias] if alias in sent else signature.defaults[alias]
        try:
            feeds[info.name] = tensors.to_array(proto)
        except ValueError:
            raise _invalid(f"tensor parsing error: {alias}") from None
        if proto.dtype != info.dtype:
            raise _invalid(
                f"Expects arg[{index}] to be {tensors.dtype_name(info.dtype)} "
                f"but {tensors.dtype_name(proto.dtype)} is provided (input '{alias}')"
            )
    return feeds


def _outputs(signature: meta_graph_pb2.SignatureDef, output_filter: Sequence[str]) -> list[str]:
    """Names of the outputs to compute."""
    for position, alias in enumerate(output_filter):
        if alias not in signature.outputs:
            raise _invalid(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {_set(signature.outputs)}."
            )
        if alias in output_filter[:position]:
            raise _invalid(f"duplicate output tensor alias: {alias}")
    return list(output_filter or signature.outputs)
