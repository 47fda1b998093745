"""The events that cannot be joined: set aside as TableGen sets rows aside, and few enough, or the run stops."""

import os

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems
from tfx.dsl.io import fileio

from components.request_examples.settings import Settings

QUARANTINE_DIR = "quarantine"
FIELD, REASON = "item_id", "not in the items table"
_EXAMPLES = 5


def rejected_schema(events: pa.Schema) -> pa.Schema:
    """Schema of the quarantine: TableGen's, without the file and row, which an ingested event no longer tells."""
    values = pa.struct([(name, pa.string()) for name in events.names])
    return pa.schema([("field", pa.string()), ("reason", pa.string()), ("values", values)])


def reject(events: pa.Table) -> pa.Table:
    """Events of unknown items in the layout of `rejected_schema`, their values as text."""
    schema = rejected_schema(events.schema)
    texts = [column.combine_chunks().cast(pa.string()) for column in events.columns]
    values = pa.StructArray.from_arrays(texts, fields=list(schema.field("values").type))
    return pa.table([[FIELD] * len(events), [REASON] * len(events), values], schema=schema)


def enforce(num_events: int, num_rejected: int, quarantine_dir: str, settings: Settings) -> None:
    """Checks that few enough events were rejected.

    Raises:
        ValueError: more than `max_rejected_share` of them; the message names some of the items.
    """
    if num_rejected <= settings.max_rejected_share * num_events:
        return
    raise ValueError(
        f"{num_rejected} of {num_events} events ({num_rejected / num_events:.2%}) name an item that the items table "
        f"lacks, such as {', '.join(_some_item_ids(quarantine_dir))}; data.max_rejected_share allows "
        f"{settings.max_rejected_share:.2%}. Add these items to the items table, or raise the share if the "
        "pipeline may leave their events out"
    )


def _some_item_ids(quarantine_dir: str) -> list[str]:
    found: set[str] = set()
    for path in fileio.glob(os.path.join(quarantine_dir, "*.parquet")):
        with FileSystems.open(path) as stream:
            found.update(pc.unique(pc.struct_field(pq.read_table(stream)["values"], "item_id")).to_pylist())
    return sorted(found)[:_EXAMPLES]
