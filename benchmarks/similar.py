"""What the text's share in `similar` changes, for rare and for common items.

    python -m benchmarks.similar complete_journey

The lists are computed by the function of the served graph on the tables of the pushed model, whatever
`serving.similar_text_takings` that was exported with; 0 is the item tower alone. Items are grouped by how often they
were taken before the newest `requests.eval_days`, which trained nothing. Of at most 300 items a group, drawn at random,
it is measured how many of the ten that are most similar are of the same category, and how many were bought in one
basket with the item in those days, of items that were bought then.
"""

import argparse

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import tensorflow as tf
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.item_tables import ItemTables
from benchmarks.quality import complete_journey, pushed
from models.dataset import Catalogue
from models.funnel import ServedItems
from models.settings import TrainerSettings
from models.similar import similar_items
from pipeline import config as configs

_SETTINGS = (0.0, 3.0, 10.0, 30.0, 100.0)
_GROUPS = ((0, 0), (1, 3), (4, 10), (11, 50), (51, 200), (201, None))  # takings, from and to
_SAMPLE = 300
_LENGTH = 10
_BATCH = 50


def served_items(tables: ItemTables, settings: TrainerSettings) -> ServedItems:
    """The catalogue of an exported model, as its graph holds it."""
    nothing = np.zeros([len(tables.ids), 0], np.float32)
    catalogue = Catalogue(
        tables.ids, np.zeros(len(tables.ids), bytes), tables.categories, nothing, tables.statistics, tables.offered
    )
    return ServedItems(catalogue, tables.embeddings, tables.text_embeddings, tables.text_rows, settings)


def window_of(config: configs.Config, moment: int) -> pd.DataFrame:
    """What was taken from a moment, in seconds UTC, on: the columns `item_id` and `session_id`."""
    positive = ds.field("event").isin(config.requests.positive_events) & (ds.field("timestamp") >= moment)
    events = ds.dataset(f"{config.data.root}/events", format="parquet")
    return events.to_table(columns=["item_id", "session_id"], filter=positive).to_pandas()


def baskets_of(window: pd.DataFrame) -> dict[int, set[int]]:
    """Places of the items that were bought in one basket with each item, by the item's place.

    Args:
        window: events with the columns `session_id` and `place`.
    """
    together: dict[int, set[int]] = {}
    for _, places in window.groupby("session_id")["place"]:
        basket = set(places)
        for place in basket:
            together.setdefault(place, set()).update(basket - {place})
    return together


def lists(items: ServedItems, asked: np.ndarray, takings: float, settings: TrainerSettings) -> np.ndarray:
    """Places of the items that are most similar to each asked one, best first: int64 [num_asked, _LENGTH]."""
    serving = settings.serving
    count = min(serving.retrieved, items.size)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def best(item):
        found, scores = similar_items(items, item, count, takings, serving.personal_search_weight)
        return tf.gather(found, tf.math.top_k(scores, _LENGTH).indices, batch_dims=1)

    return np.concatenate([best(part) for part in np.array_split(asked, len(asked) // _BATCH + 1)])


def _label(group: tuple[int, int | None]) -> str:
    low, high = group
    return f"{low:,} or more" if high is None else f"{low:,}" if low == high else f"{low:,} to {high:,}"


def main() -> None:
    """Prints a table for each of the two measures.

    Raises:
        NoModel: nothing has been pushed.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", nargs="?", default=complete_journey.CONFIG, help="a configuration over its data")
    config = configs.load(parser.parse_args().config)
    version = pushed.asked_for(config)
    settings = TrainerSettings.of(config)
    tables = ItemTables(version.folder)
    items = served_items(tables, settings)
    problem, _ = complete_journey.problems(config)
    place_of = {item_id.decode(): place for place, item_id in enumerate(tables.ids)}
    taken = np.bincount(problem.past["item_id"].map(place_of), minlength=len(tables.ids))
    window = window_of(config, problem.moment)
    together = baskets_of(window.assign(place=window["item_id"].map(place_of)))
    category_of = problem.items.set_index("item_id")[problem.category]
    categories = np.array([category_of.get(item_id.decode(), "") for item_id in tables.ids], object)
    draw = np.random.default_rng(problem.seed)
    same = Table("takings of the item", "items", *(f"{value:g}" for value in _SETTINGS), title="of the same category")
    bought = Table(
        "takings of the item", "items", *(f"{value:g}" for value in _SETTINGS), title="in one basket with it"
    )
    for group in track(_GROUPS, "asking"):
        low, high = group
        members = np.flatnonzero(tables.offered & (taken >= low) & (taken <= (np.inf if high is None else high)))
        seen = members[np.isin(members, list(together))]
        asked, asked_seen = (draw.permutation(part)[:_SAMPLE] for part in (members, seen))
        shares, counts = [], []
        for takings in _SETTINGS:
            found = lists(items, asked, takings, settings)
            shares.append(f"{np.mean(categories[found] == categories[asked][:, np.newaxis]):.3f}")
            found = lists(items, asked_seen, takings, settings)
            hits = [len(together[item] & set(row)) for item, row in zip(asked_seen, found, strict=True)]
            counts.append(f"{np.mean(hits):.2f}")
        same.add_row(_label(group), f"{len(members):,}", *shares)
        bought.add_row(_label(group), f"{len(seen):,}", *counts)
    console = Console()
    console.print(f"{config.name}: of the ten most similar, by serving.similar_text_takings")
    console.print(same, bought)


if __name__ == "__main__":
    main()
