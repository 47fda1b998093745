"""What the join takes from the three ingested tables: checked columns, positions in the catalogue, plain splits."""

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.request_examples import daily_counts
from components.request_examples.assemble import Knowledge
from components.request_examples.columns import one_each
from components.request_examples.popularity import Popularity
from components.request_examples.settings import Settings
from components.request_examples.statistics import Statistics
from components.request_examples.timeline import evaluation_start, is_one_of


def check_columns(events: pa.Schema, settings: Settings) -> None:
    """Checks that the events have what the heads learn from.

    Raises:
        ValueError: a head's column is missing.
    """
    for head in settings.heads:
        if head.column is not None and head.column not in events.names:
            raise ValueError(
                f"head '{head.name}' learns from '{head.column}', which the events table lacks; it has "
                f"{', '.join(events.names)}. Bring the column, map it with data.columns.events.{head.column}, or "
                "remove the head"
            )


def sorted_ids(ids: Iterable[pa.Array]) -> pa.Array:
    """All item ids in one array; an item's position in it is its number during the join."""
    return pa.concat_arrays([pa.array([], pa.string()), *ids]).sort()


def locate(events: pa.Table, item_ids: pa.Array) -> tuple[pa.Table, pa.Table]:
    """The events of known items, with `item`, the position in the catalogue; the events of unknown items."""
    item = pc.index_in(events["item_id"], value_set=item_ids)
    known = pc.is_valid(item)
    located = events.append_column("item", item.cast(pa.int64()))
    return located.filter(known), events.filter(pc.invert(known))


def count_kinds(events: pa.Table, settings: Settings) -> dict[str, int]:
    """How many events are of each kind that a history or a head asks for."""
    counts = {pair["values"]: pair["counts"] for pair in pc.value_counts(events["event"]).to_pylist()}
    return {kind: counts.get(kind, 0) for kind in {*settings.requests.history_kinds, *settings.answer_events}}


def check_kinds(counts: Mapping[str, int], settings: Settings) -> None:
    """Checks that histories and heads have something to go by.

    Args:
        counts: of events, by kind, over the whole log.
        settings: which kinds are asked for.

    Raises:
        ValueError: no event is of a kind that one of them asks for.
    """
    wanted = {"requests.history_events": settings.requests.history_kinds}
    wanted |= {f"the events of the head '{head.name}'": head.events for head in settings.heads if head.events}
    for option, kinds in wanted.items():
        if not any(counts.get(kind) for kind in kinds):
            raise ValueError(f"no event is of a kind in {option} ({', '.join(kinds)}); name kinds that the log has")


def count_days(located: pa.Table, settings: Settings) -> daily_counts.DailyCounts:
    """How often each item was taken on each day, of the located events of whole shoppers."""
    shoppers = pc.index_in(located["user_id"], value_set=pc.unique(located["user_id"])).cast(pa.int64())
    taken = is_one_of(located["event"], settings.requests.positive_events)
    columns = (column.to_numpy() for column in (shoppers, located["item"], located["timestamp"]))
    return daily_counts.count(*columns, taken)


def know(daily: daily_counts.DailyCounts, item_ids: pa.Array, settings: Settings) -> Knowledge:
    """What every shard needs of the others.

    Raises:
        ValueError: no event is of a known item, or none is of a kind that answers.
    """
    if daily.first_day > daily.last_day:
        raise ValueError("no event names an item of the items table; bring the items under the ids that events use")
    if not len(daily.keys):
        kinds = ", ".join(settings.requests.positive_events)
        raise ValueError(f"no event is of a kind in requests.positive_events ({kinds}); name kinds that the log has")
    window_days = settings.requests.popularity_days
    return Knowledge(item_ids, Popularity(daily, len(item_ids), window_days), Statistics(daily, window_days))


def catalog(items: pa.Table, knowledge: Knowledge, settings: Settings) -> pa.Table:
    """An example an item, with its statistics when the evaluation starts, so that judging by them leaks nothing."""
    located = pc.index_in(items["item_id"], value_set=knowledge.item_ids).cast(pa.int64()).to_numpy()
    as_of = np.full(len(items), evaluation_start(knowledge.popularity.last_day, settings))
    columns = {"item_id": items["item_id"]}
    if "available" in items.column_names:
        columns["item_available"] = items["available"]
    columns |= {f"item_{name}": pa.array(values) for name, values in knowledge.statistics.at(located, as_of).items()}
    columns |= {f"item_{name}": items[name] for name in settings.names("item")}
    return pa.table({name: one_each(values) for name, values in columns.items()})


def profiles(users: pa.Table, settings: Settings) -> pa.Table:
    """An example a profile."""
    columns = {"user_id": users["user_id"]} | {f"user_{name}": users[name] for name in settings.names("user")}
    return pa.table({name: one_each(values) for name, values in columns.items()})


def no_profiles(settings: Settings) -> pa.Table:
    """The profiles of a shard whose shoppers have none."""
    kinds = [
        (name, pa.float64() if settings.is_numeric("user", name) else pa.string()) for name in settings.names("user")
    ]
    return pa.schema([("user_id", pa.string()), *kinds]).empty_table()
