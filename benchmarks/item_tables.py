"""The items as an exported model holds them, read from its variables."""

import pathlib

import numpy as np
import tensorflow as tf

_VARIABLE = "_funnel/{}/.ATTRIBUTES/VARIABLE_VALUE"


class ItemTables:
    """Ids, embeddings, categories, statistics, whether offered and the row of the text, by position in the catalogue.

    `text_embeddings` are [num_texts, text_dim], the rest is [num_items, ...].
    """

    def __init__(self, version: pathlib.Path):
        """Reads the tables of the SavedModel in a folder."""
        variables = tf.train.load_checkpoint(str(version / "variables" / "variables"))

        def read(name: str) -> np.ndarray:
            return variables.get_tensor(_VARIABLE.format(name))

        self.ids = read("items/ids")
        self.categories = read("request_model/categories")
        self.statistics, self.offered = read("items/_statistics"), read("items/offered")
        self.text_embeddings, self.text_rows = read("items/text_embeddings"), read("items/text_rows")
        if variables.has_tensor(_VARIABLE.format("items/index/_places")):  # stored partition after partition
            self.embeddings = read("items/index/_vectors")[read("items/index/_places")]
        else:
            self.embeddings = read("items/index/_embeddings")
