"""Which columns logged requests have: those of a request in `schemas.signatures`, under the same names."""

from typing import Literal

import pyarrow as pa
import pydantic

from components.table_gen.contract import ARROW_TYPES
from pipeline.config import Config

SPLIT = "serving"
HISTORY = ("history_item_ids", "history_timestamps", "history_events")

Kind = Literal["string", "timestamp", "number"]


class RequestColumn(pydantic.BaseModel, frozen=True):
    """One column: its name, what its values mean, and whether a cell holds a list of them."""

    name: str
    kind: Kind
    is_list: bool = False

    @property
    def arrow_type(self) -> pa.DataType:
        """Type of a cell in the pipeline: always a list, as of a tf.Example."""
        return pa.list_(ARROW_TYPES[self.kind])


class RequestContract(pydantic.BaseModel, frozen=True):
    """What the files of logged requests hold; columns beyond these, such as `k`, are not read."""

    columns: tuple[RequestColumn, ...]

    @classmethod
    def of(cls, config: Config) -> "RequestContract":
        """The columns of a shop's requests."""
        context = [
            RequestColumn(name=f"context_{name}", kind=kind)
            for declared, kind in (("categorical", "string"), ("numeric", "number"))
            for name in config.served_context(declared)
        ]
        return cls(
            columns=(
                RequestColumn(name="user_id", kind="string"),
                RequestColumn(name="history_item_ids", kind="string", is_list=True),
                RequestColumn(name="history_timestamps", kind="timestamp", is_list=True),
                RequestColumn(name="history_events", kind="string", is_list=True),
                RequestColumn(name="scene", kind="string"),
                RequestColumn(name="timestamp", kind="timestamp"),
                *context,
            )
        )

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [column.name for column in self.columns]

    @property
    def schema(self) -> pa.Schema:
        """Of the rows as the pipeline writes them."""
        return pa.schema([(column.name, column.arrow_type) for column in self.columns])
