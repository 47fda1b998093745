"""Item embeddings for TensorBoard's embedding projector, which reads tables of tab-separated values."""

import os
from collections.abc import Iterable

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import text_format
from tensorboard.plugins.projector import ProjectorConfig
from tensorboard.plugins.projector.metadata import PROJECTOR_FILENAME

from models.dataset import Catalogue
from models.item_tower import ItemTower
from models.settings import TransformSettings

_ITEMS = 10_000  # more of them, a browser does not lay out in bearable time
_VECTORS, _METADATA = "items.tsv", "items_metadata.tsv"
_SEPARATORS = str.maketrans("\t\r\n", "   ")


def write(
    run_dir: str,
    catalogue: Catalogue,
    item_tower: ItemTower,
    graph: tft.TFTransformOutput,
    settings: TransformSettings,
) -> None:
    """Writes the embeddings of the most popular items, each with its id, its text and its categories.

    Args:
        run_dir: folder with TensorBoard's events of the training, beside which the projector looks.
        catalogue: the items.
        item_tower: as it was trained.
        graph: knows the categories' names.
        settings: the declared features.
    """
    tf.io.gfile.makedirs(run_dir)
    items = 1 + np.argsort(-catalogue.popularity[1:], kind="stable")[:_ITEMS]
    vectors = item_tower(tf.constant(items, tf.int64)).numpy()
    _write(run_dir, _VECTORS, ("\t".join(f"{value:.5f}" for value in vector) for vector in vectors))

    columns = {
        "id": [item_id.decode(errors="replace") for item_id in catalogue.item_ids[items]],
        "text": [text.decode(errors="replace") for text in catalogue.texts[items]],
    }
    for place, name in enumerate(settings.names("item", "categorical")):
        values = ["", *(value.decode(errors="replace") for value in graph.vocabulary_by_name(name))]
        columns[name.removeprefix("item_")] = [values[row] for row in catalogue.categories[items, place]]
    rows = zip(*columns.values(), strict=True)
    _write(run_dir, _METADATA, ("\t".join(value.translate(_SEPARATORS) for value in row) for row in [columns, *rows]))

    config = ProjectorConfig()
    config.embeddings.add(tensor_name="items", tensor_path=_VECTORS, metadata_path=_METADATA)
    _write(run_dir, PROJECTOR_FILENAME, [text_format.MessageToString(config).rstrip("\n")])


def _write(folder: str, name: str, lines: Iterable[str]) -> None:
    with tf.io.gfile.GFile(os.path.join(folder, name), "w") as file:
        for line in lines:
            file.write(f"{line}\n")
