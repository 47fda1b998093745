"""Which columns a table has, what each means, and under which name the shop keeps it."""

from typing import Literal

import pyarrow as pa
import pydantic

from pipeline import config as config_lib

Table = Literal["events", "items", "users"]

# key: an id or a kind of event, never missing or empty; propensity: a probability above zero; flag: 0 or 1.
Kind = Literal["key", "timestamp", "string", "number", "duration", "propensity", "flag"]

ARROW_TYPES: dict[Kind, pa.DataType] = {
    "key": pa.string(),
    "timestamp": pa.int64(),  # seconds since 1970, UTC
    "string": pa.string(),
    "number": pa.float64(),
    "duration": pa.float64(),  # seconds
    "propensity": pa.float64(),
    "flag": pa.int64(),
}

_KNOWN: dict[Table, dict[str, Kind]] = {
    "events": {
        "user_id": "key",
        "item_id": "key",
        "timestamp": "timestamp",
        "event": "key",
        "scene": "string",
        "session_id": "string",
        "quantity": "number",
        "value": "number",
        "dwell_seconds": "duration",
        "query": "string",
        "propensity": "propensity",
    },
    "items": {"item_id": "key", "available": "flag"},
    "users": {"user_id": "key"},
}
_FEATURE_ROLES: dict[Table, str] = {"events": "context", "items": "item", "users": "user"}
_UNIQUE: dict[Table, str | None] = {"events": None, "items": "item_id", "users": "user_id"}


class Column(pydantic.BaseModel, frozen=True):
    """One column of a table.

    Attributes:
        name: what the pipeline calls it.
        source: what the shop's files call it.
        kind: what its values mean, which decides their Arrow type and the checks on them.
        declared: whether the configuration asks for it, so that files without it are a mistake.
    """

    name: str
    source: str
    kind: Kind
    declared: bool = False

    @property
    def required(self) -> bool:
        """Whether a row without a value is rejected."""
        return self.kind in ("key", "timestamp")

    @property
    def arrow_type(self) -> pa.DataType:
        """Type of the column's values in the pipeline."""
        return ARROW_TYPES[self.kind]


class Contract(pydantic.BaseModel, frozen=True):
    """What one table must look like, and how much of it may be wrong.

    Attributes:
        table: which table.
        columns: every column that may be read, in the order in which they are written.
        unique: the column whose values name a row, if any.
        first_span: the oldest span to read; None for the oldest there is. Only events have spans.
        last_span: the newest span to read; None for the newest there is.
        window_spans: how many of these to read, the newest; None for all.
        max_rejected_share: the run stops when a larger share of the rows is rejected.
    """

    table: Table
    columns: tuple[Column, ...]
    unique: str | None = None
    first_span: int | None = None
    last_span: int | None = None
    window_spans: int | None = None
    max_rejected_share: float = 0.0

    @property
    def has_spans(self) -> bool:
        """Whether the files lie in `span-N` folders."""
        return self.table == "events"

    @property
    def schema(self) -> pa.Schema:
        """Flat Arrow schema, one value a cell."""
        return pa.schema([(column.name, column.arrow_type) for column in self.columns])

    def narrowed(self, sources: set[str]) -> "Contract":
        """This contract without the columns that no file has; `sources` are the shop's column names."""
        return self.model_copy(update={"columns": tuple(c for c in self.columns if c.source in sources)})


def contract_of(table: Table, config: config_lib.Config) -> Contract:
    """The contract of a table, from the columns that Shelfwise knows and the features that a shop declares.

    Raises:
        ConfigError: `data.columns` names an unknown column, or a feature contradicts a known column.
    """
    kinds = dict(_KNOWN[table])
    declared = [feature for feature in config.features if feature.role == _FEATURE_ROLES[table]]
    for feature in declared:
        kind: Kind = "number" if feature.kind == "numeric" else "string"
        known = kinds.setdefault(feature.name, kind)
        if ARROW_TYPES[known] != ARROW_TYPES[kind]:
            raise config_lib.ConfigError(
                f"feature '{feature.name}' is declared {feature.kind}, but the column of that name in the {table} "
                f"table holds {ARROW_TYPES[known]}; rename the feature and map it with data.columns.{table}"
            )
    sources: dict[str, str] = getattr(config.data.columns, table)
    if unknown := sorted(set(sources) - set(kinds)):
        raise config_lib.ConfigError(
            f"data.columns.{table} maps {', '.join(unknown)}, which the {table} table does not have; "
            f"it has {', '.join(kinds)}. Declare further columns under features"
        )
    declared_names = {feature.name for feature in declared}
    return Contract(
        table=table,
        columns=tuple(
            Column(name=name, source=sources.get(name, name), kind=kind, declared=name in declared_names)
            for name, kind in kinds.items()
        ),
        unique=_UNIQUE[table],
        first_span=config.data.first_span if table == "events" else None,
        last_span=config.data.last_span if table == "events" else None,
        window_spans=config.data.window_spans if table == "events" else None,
        max_rejected_share=config.data.max_rejected_share,
    )
