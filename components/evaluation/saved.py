"""What a SavedModel can be asked beside its lists."""

import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the ops of the text encoder)
from absl import logging
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_model_analysis.proto import config_pb2

from components.evaluation.metrics import catalogue_files
from schemas.signatures import EMBED_ITEMS


def drop_unknown_signatures(spec: config_pb2.ModelSpec, model: str) -> None:
    """Leaves a model alone with what it cannot answer: an older version may lack signatures.

    Args:
        spec: of the model; changed.
        model: folder of the SavedModel.
    """
    missing = set(spec.preprocessing_function_names) - _signatures(model)
    if missing:
        logging.warning("%s lacks %s; what needs it has no value for the %s", model, sorted(missing), spec.name)
        kept = [name for name in spec.preprocessing_function_names if name not in missing]
        spec.preprocessing_function_names[:] = kept


def write_embeddings(model: str, catalogue: str, path: str) -> bool:
    """Writes the items' embeddings, see `catalogue_files.write_embeddings`; returns whether the model has any.

    Args:
        model: folder of the SavedModel.
        catalogue: file pattern of the split `catalog`.
        path: of the new file.
    """
    if EMBED_ITEMS not in _signatures(model):
        return False
    loaded = tf.saved_model.load(model)
    embed = loaded.signatures[EMBED_ITEMS]
    catalogue_files.write_embeddings(
        catalogue, lambda item_ids: embed(item_id=tf.constant(item_ids))["embedding"].numpy(), path
    )
    return True


def _signatures(model: str) -> set[str]:
    with tf.io.gfile.GFile(f"{model}/{tf.saved_model.SAVED_MODEL_FILENAME_PB}", "rb") as file:
        saved = saved_model_pb2.SavedModel.FromString(file.read())
    return {name for graph in saved.meta_graphs for name in graph.signature_def}
