"""The Examples of a Classify, Regress or MultiInference request, as the model's parser wants them."""

import numpy as np
from tensorflow_serving.apis import input_pb2

from serving.status import invalid


def serialized_examples(request_input: input_pb2.Input) -> np.ndarray:
    """Serializes the Examples; gives bytes, [num_examples].

    A context is put before each Example. Parsers of protocol buffers merge what is concatenated, so its features hold
    wherever the Example has none of that name.

    Raises:
        StatusError: there is no Example.
    """
    kind = request_input.WhichOneof("kind")
    examples = getattr(request_input, kind).examples if kind else ()
    if not examples:
        raise invalid("Input is empty.")
    context = b""
    if kind == "example_list_with_context":
        context = request_input.example_list_with_context.context.SerializeToString()
    return np.array([context + example.SerializeToString() for example in examples], dtype=object)
