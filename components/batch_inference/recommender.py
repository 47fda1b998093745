"""The exported model as Beam's RunInference takes it."""

import logging
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from apache_beam.ml.inference.base import ModelHandler

from components.batch_inference.shoppers import Settings
from schemas import request_rows
from schemas.request_rows import Row
from serving.servable import Servable

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("rank", pa.int32()),  # from 1
        ("item_id", pa.string()),
        ("score", pa.float32()),
        ("reason", pa.string()),
    ]
)
DONE = "lists for %d more shoppers"  # logged, since Beam tells nobody how far it is

_logger = logging.getLogger(__name__)


class Recommender(ModelHandler[Row, pa.Table, Servable]):
    """Asks the signature `recommend`, as a server would, and gives a table of `SCHEMA` for each batch of requests."""

    def __init__(self, model: str, settings: Settings, batch_size: int):
        """Args:
        model: the SavedModel's folder.
        settings: what requests carry.
        batch_size: requests that are asked together.
        """
        super().__init__(min_batch_size=batch_size, max_batch_size=batch_size)
        self._model, self._settings = model, settings

    def load_model(self) -> Servable:
        """Loads the model, once a process."""
        return Servable(self._model)

    def run_inference(self, batch: Sequence[Row], model: Servable, inference_args: None = None) -> Iterator[pa.Table]:
        """Makes the lists of a batch."""
        answer = model.run("recommend", request_rows.inputs("recommend", batch, self._settings))
        _logger.info(DONE, len(batch))
        yield as_table([row["user_id"][0] for row in batch], answer)

    def get_num_bytes(self, batch: Sequence[Row]) -> int:
        """Bytes of the histories' ids, about what a batch takes; Beam's own way is to pickle it all."""
        return sum(len(item_id) for row in batch for item_id in row.get("history_item_ids", ()))


def as_table(user_ids: Sequence[bytes], answer: dict[str, np.ndarray]) -> pa.Table:
    """Lists as rows, best first; `answer` holds item_ids, scores and reasons, [batch, K] each, padded by empty ids."""
    shopper, place = np.nonzero(answer["item_ids"] != b"")
    return pa.table(
        {
            "user_id": pa.array([user_ids[number] for number in shopper], pa.binary()).cast(pa.string()),
            "rank": place + 1,
            "item_id": pa.array(answer["item_ids"][shopper, place], pa.binary()).cast(pa.string()),
            "score": answer["scores"][shopper, place],
            "reason": pa.array(answer["reasons"][shopper, place], pa.binary()).cast(pa.string()),
        }
    ).cast(SCHEMA)
