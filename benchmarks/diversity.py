"""What diversity costs: quality of the pushed model's lists against their diversity, over settings of the re-ranker.

    python -m benchmarks.diversity complete_journey

The lists are those of `recommend` on the protocol of `benchmarks.quality`, as wide as the re-ranker's pool. They are
put back into the order of their scores, which is the ranker's own whatever `serving.diversity` the model was exported
with, and re-ranked by the function that the served graph holds. Measured of each list of ten are the pairs of different
categories (`diversity@10`) and 1 - the mean cosine of its pairs (`cosine distance@10`); of all lists together, how much
of the catalogue they show (`coverage@10`).
"""

import argparse
import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the tokeniser's ops of the served graph)
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.item_tables import ItemTables
from benchmarks.quality import complete_journey, judge, lists, pushed, served
from benchmarks.quality.problem import Problem
from models.diversify import POOL, diverse_order
from pipeline import config as configs

_SETTINGS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
_BATCH = 16
_QUALITY = ("ndcg@10", "recall@50")
_COLUMNS = (*_QUALITY, "diversity@10", "cosine distance@10", "coverage@10")


def ranked_items(problem: Problem, config: configs.Config, version: pushed.Pushed, tables: ItemTables) -> np.ndarray:
    """Places in the tables of each user's best items, best first: int64 [num_users, POOL], 0 where none is left."""
    recommend = tf.saved_model.load(str(version.folder)).signatures["recommend"]
    places = {item_id: place for place, item_id in enumerate(tables.ids)}
    histories = served.histories_of(problem, config)
    ranked = np.zeros([len(problem.queries), POOL], np.int64)
    for start in track(range(0, len(ranked), _BATCH), "asking the model"):
        users = problem.queries[start : start + _BATCH]
        request = {**served.request_of(config, problem, "all", users, histories), "k": tf.fill([len(users)], POOL)}
        answer = recommend(**{name: tf.constant(value) for name, value in request.items()})
        found = np.array([[places[item] for item in row] for row in answer["item_ids"].numpy()])
        scores = np.where(found > 0, answer["scores"].numpy(), -np.inf)
        by_score = np.argsort(-scores, axis=1, kind="stable")
        ranked[start : start + len(users), : found.shape[1]] = np.take_along_axis(found, by_score, axis=1)
    return ranked


def rerank(ranked: np.ndarray, tables: ItemTables, diversity: float) -> np.ndarray:
    """The same items in the order of `models.diversify`; 0 keeps the ranker's."""
    if not diversity:
        return ranked
    embeddings, categories = tf.constant(tables.embeddings), tf.constant(tables.categories)
    order = tf.function(
        lambda items: diverse_order(items, functools.partial(tf.gather, embeddings), categories, diversity),
        input_signature=[tf.TensorSpec([None, POOL], tf.int64)],
    )
    orders = [order(batch) for batch in np.array_split(ranked, len(ranked) // _BATCH + 1)]
    return np.take_along_axis(ranked, np.concatenate(orders), axis=1)


def figures(ranked: np.ndarray, tables: ItemTables, problem: Problem) -> dict[str, float]:
    """The mean of each of `_COLUMNS` over the users."""
    ids = [[tables.ids[item].decode() for item in row if item] for row in ranked]
    by_user: dict[str, Sequence[str]] = dict(zip(problem.queries, ids, strict=True))
    quality = [judge.metrics_of_list(by_user[user], problem.relevant[user], _QUALITY) for user in problem.queries]
    return {
        **{name: float(np.mean([row[name] for row in quality])) for name in _QUALITY},
        "diversity@10": float(np.mean(lists.properties(by_user, problem)["diversity@10"])),
        "cosine distance@10": float(np.mean([_cosine_distance(row, tables) for row in ranked[:, : lists.LENGTH]])),
        "coverage@10": lists.coverage(by_user, problem),
    }


def _cosine_distance(items: np.ndarray, tables: ItemTables) -> float:
    """1 - the mean cosine of a list's pairs."""
    embedded = tables.embeddings[items[items > 0]]
    pairs = np.triu_indices(len(embedded), k=1)
    return 1 - float((embedded @ embedded.T)[pairs].mean())


def main() -> None:
    """Prints the table.

    Raises:
        NoModel: nothing has been pushed.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", nargs="?", default=complete_journey.CONFIG, help="a configuration over its data")
    config = configs.load(parser.parse_args().config)
    version = pushed.asked_for(config)
    problem, _ = complete_journey.problems(config)
    tables = ItemTables(version.folder)
    ranked = ranked_items(problem, config, version, tables)
    table = Table("serving.diversity", *_COLUMNS, title=f"{config.name}, {len(ranked):,} shoppers")
    for diversity in (0.0, *_SETTINGS):
        measured = figures(rerank(ranked, tables, diversity), tables, problem)
        table.add_row(f"{diversity:g}", *(f"{measured[name]:.4f}" for name in _COLUMNS))
    Console().print(table)


if __name__ == "__main__":
    main()
