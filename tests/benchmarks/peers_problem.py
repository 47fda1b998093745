"""Small problems for the peers: a log written as (user, item, day, basket), asked about on day 100."""

import json
import pathlib

import numpy as np
import pandas as pd

from benchmarks.quality.peers.problem import DAY_SECONDS, Log

ASKED_ON = 100
Event = tuple[str, str, float, str]


def write(folder: pathlib.Path, events: list[Event], queries: list[str], **changes) -> pathlib.Path:
    """A problem folder; `changes` replace what problem.json says."""
    folder.mkdir(parents=True, exist_ok=True)
    past = pd.DataFrame(events, columns=["user_id", "item_id", "day", "session_id"])
    past = past.assign(timestamp=(past["day"] * DAY_SECONDS).astype(np.int64)).drop(columns="day")
    past.to_parquet(folder / "past.parquet")
    pd.DataFrame({"item_id": sorted(set(past["item_id"]))}).to_parquet(folder / "items.parquet")
    pd.DataFrame({"user_id": queries}).to_parquet(folder / "queries.parquet")
    about = {"name": "small", "moment": ASKED_ON * DAY_SECONDS, "window_days": 28, "list_length": 3, "repeats": True}
    (folder / "problem.json").write_text(json.dumps(about | {"seed": 7} | changes))
    return folder


def log(events: list[tuple[int, int, float, int]], shape: tuple[int, int]) -> Log:
    """A log of (user, item, day, basket) by position."""
    user, item, day, basket = (np.array(column) for column in zip(*events, strict=True))
    return Log(user, item, basket, (day * DAY_SECONDS).astype(np.int64), ASKED_ON * DAY_SECONDS, shape)
