"""What every shopper of a shard would send to a server now: the requests that lists are made for."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pydantic

from models.settings import TransformSettings
from pipeline.config import Config
from schemas.request_rows import Row


class Settings(TransformSettings):
    """What a request carries, and how long a list is.

    Attributes:
        history_length: newest events that a request carries.
        now: when it is asked, in seconds.
        k: length of the list.
    """

    history_length: int
    now: int
    k: pydantic.PositiveInt

    @classmethod
    def of(cls, config: Config, now: int, k: int) -> "Settings":
        """The settings of a shop."""
        length = config.requests.history_length
        return cls(**TransformSettings.of(config).model_dump(), history_length=length, now=now, k=k)

    @property
    def context(self) -> list[str]:
        """Inputs of the model that come from a shopper's last event, such as `context_store`."""
        return self.names("context", "categorical") + self.names("context", "numeric")


def requests(events: pa.Table, users: pa.Table, settings: Settings) -> Iterator[Row]:
    """A request for each shopper of the two tables, by the order of their ids.

    It carries what `pipeline.shop.Shopper` holds: the shopper's events of the kinds that a history is made of, oldest
    first, and the circumstances of the last event, whatever its kind. Shoppers without events get a request, too.

    Args:
        events: all events of these shoppers, with the columns of the data contract.
        users: profiles, with `user_id`.
        settings: what a request carries.
    """
    events = events.sort_by([("user_id", "ascending"), ("timestamp", "ascending")]).combine_chunks()
    user_ids = events["user_id"].to_numpy()
    starts = np.flatnonzero(np.append(True, user_ids[1:] != user_ids[:-1])) if len(user_ids) else np.empty(0, int)
    found = {user_ids[start]: (start, stop) for start, stop in zip(starts, [*starts[1:], len(user_ids)], strict=True)}
    is_history = pc.is_in(events["event"], pa.array(settings.history_kinds)).to_numpy(zero_copy_only=False)
    for user_id in sorted({*found, *users["user_id"].to_pylist()}):
        row = {"user_id": [user_id.encode()], "timestamp": [settings.now], "k": [settings.k]}
        if user_id in found:
            start, stop = found[user_id]
            places = start + np.flatnonzero(is_history[start:stop])[-settings.history_length :]
            row |= _history(events.take(places)) | _circumstances(events, stop - 1, settings)
        yield row


def _history(events: pa.Table) -> Row:
    return {
        "history_item_ids": events["item_id"].cast(pa.binary()).to_pylist(),
        "history_timestamps": events["timestamp"].to_pylist(),
        "history_events": events["event"].cast(pa.binary()).to_pylist(),
    }


def _circumstances(events: pa.Table, place: int, settings: Settings) -> Row:
    row = {}
    for name in ("scene", *settings.context):
        value = events[name.removeprefix("context_")][int(place)].as_py()
        if value is not None:
            row[name] = [value.encode() if isinstance(value, str) else value]
    return row
