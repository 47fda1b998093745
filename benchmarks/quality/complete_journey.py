"""Complete Journey, cut by time: what will a household buy in the four weeks after the moment?

Every household that buys in those weeks is one query, asked at the moment they begin; relevant are the distinct items
bought in them that were sold before. Peers are tuned on the four weeks before that, with nothing of what follows.
"""

import pathlib

import pandas as pd
import pyarrow.dataset as ds

from benchmarks.quality.problem import Problem, items_by_user
from pipeline.config import Config
from pipeline.data import sources

CONFIG = "complete_journey"
PEERS = ("popularity", "own_frequency", "item_knn", "als", "ease", "tifu_knn", "sasrec", "lightgbm")
PUBLISHED: dict[str, dict[str, float]] = {}
METRICS = ("ndcg@10", "recall@50", "recall@100")
SECONDS_A_DAY = 86_400


def problems(config: Config) -> tuple[Problem, Problem]:
    """Prepares the data; returns the reported problem, in the newest `requests.eval_days`, and the earlier one."""
    sources.prepare(config)
    events = _read(config, "events")
    events = events[events["event"].isin(config.requests.positive_events)].sort_values("timestamp", kind="stable")
    items = _read(config, "items")
    reported = cut(events, items, config.requests.eval_days, config.training.seed)
    return reported, cut(reported.past, items, config.requests.eval_days, config.training.seed)


def for_shelfwise(
    config: Config, problem: Problem, earlier: bool, folder: pathlib.Path
) -> tuple[Problem, dict[str, object]]:
    """The problem as Shelfwise is asked it, and what its configuration must change for it.

    The reported problem needs no change: its weeks are those that the pipeline keeps for its own evaluation.
    """
    if not earlier:
        return problem, {}
    newest = max(int(path.name.removeprefix("span-")) for path in pathlib.Path(config.data.root).glob("events/span-*"))
    last_span = newest - config.requests.eval_days // 7  # a span is a week
    return problem, {"data.last_span": last_span, "runs_dir": str(folder / "runs")}


def cut(events: pd.DataFrame, items: pd.DataFrame, window_days: int, seed: int) -> Problem:
    """The problem whose window is the newest `window_days` of the events.

    The price of an item is that of its first sale, so items that were not sold before the moment have none.
    """
    last_day = events["timestamp"].max() // SECONDS_A_DAY
    moment = int(last_day + 1 - window_days) * SECONDS_A_DAY
    past, window = events[events["timestamp"] < moment], events[events["timestamp"] >= moment]
    sold = past["item_id"].unique()
    return Problem(
        name="complete_journey",
        moment=moment,
        window_days=window_days,
        repeats=True,
        seed=seed,
        past=past,
        items=items.assign(price=items["price"].where(items["item_id"].isin(sold))),
        category="category",
        relevant=items_by_user(window[window["item_id"].isin(sold)]),
        metrics=METRICS,
    )


def _read(config: Config, table: str) -> pd.DataFrame:
    return ds.dataset(f"{config.data.root}/{table}", format="parquet").to_table().to_pandas()
