"""MovieLens-100K by the protocol of the recommenders-team benchmark, for comparison with its published table.

Of each user's ratings a random 75 % are the past and the others are relevant, whatever the stars; lists hold ten films
that the user has not rated in the past. Peers are tuned on a split of the past by the same rule.
See https://github.com/recommenders-team/recommenders/tree/main/examples/06_benchmarks
"""

import dataclasses
import pathlib

import numpy as np
import pandas as pd
import pyarrow.dataset as ds

from benchmarks.quality.problem import Problem, digest, items_by_user
from pipeline import config as configs
from pipeline.config import Config
from pipeline.data import movielens, sources, tables, wheels
from pipeline.data.dataset import Dataset

CONFIG = "movielens_100k"
PEERS = ("popularity", "item_knn", "als", "bpr", "ease", "sasrec", "lightgbm")
PUBLISHED = {
    "BiVAE": {"ndcg@10": 0.475},
    "BPR": {"ndcg@10": 0.442},
    "LightGCN": {"ndcg@10": 0.420},
    "SAR": {"ndcg@10": 0.382},
    "most popular": {"ndcg@10": 0.249},
}
METRICS = ("ndcg@10", "precision@10", "recall@10", "map@10")
PAST_SHARE = 0.75
_WEEKS = 8


def problems(config: Config) -> tuple[Problem, Problem]:
    """Prepares the data; returns the reported problem and the one inside its past."""
    public = configs.load("movielens")
    sources.prepare(public)
    root = pathlib.Path(public.data.root)
    ratings = ds.dataset(root / "events", format="parquet").to_table().to_pandas()
    items = pd.read_parquet(root / "items")
    reported = split(ratings, items, config.training.seed)
    return reported, split(reported.past, items, config.training.seed)


def for_shelfwise(
    config: Config, problem: Problem, earlier: bool, folder: pathlib.Path
) -> tuple[Problem, dict[str, object]]:
    """Writes the past as tables of a shop; returns the problem as Shelfwise is asked it, and what the tables change.

    Shelfwise learns to tell the near future from the past. What this split holds out lies anywhere in time instead, so
    the ratings in the tables get times that are drawn too: each is put into one of eight weeks. What a user rated in a
    week is then to what stands before it as the held-out part is to the whole past.
    """
    asked = dataclasses.replace(problem, past=_at_drawn_times(problem), moment=_WEEKS * movielens.WEEK_SECONDS)
    root = folder / "tables" / f"movielens_100k-{'earlier' if earlier else 'reported'}"
    content = digest(asked.past.to_csv(index=False))
    users = pd.read_parquet(pathlib.Path(configs.load("movielens").data.root, "users"))
    tables.publish(
        root,
        tables.Recipe(f"MovieLens-100K, past of a split ({content})", wheels.MOVIELENS.sha256, {"seed": problem.seed}),
        movielens.SCHEMAS,
        lambda: Dataset(asked.past, asked.items, users, {"events": {}, "items": {}, "users": {}}),
    )
    return asked, {"data.root": str(root)} | ({"runs_dir": str(folder / "runs")} if earlier else {})


def _at_drawn_times(problem: Problem) -> pd.DataFrame:
    drawn = np.random.default_rng(problem.seed).integers(_WEEKS * movielens.WEEK_SECONDS, size=len(problem.past))
    past = problem.past.assign(timestamp=drawn, span=1 + drawn // movielens.WEEK_SECONDS)
    return past.sort_values("timestamp", kind="stable", ignore_index=True)


def split(ratings: pd.DataFrame, items: pd.DataFrame, seed: int) -> Problem:
    """The problem whose past is a random 75 % of each user's ratings, rounded to the nearest number."""
    ratings = ratings.sort_values(["timestamp", "user_id", "item_id"], kind="stable", ignore_index=True)
    past = ratings.groupby("user_id").sample(frac=PAST_SHARE, random_state=seed).sort_index()
    return Problem(
        name="movielens_100k",
        moment=int(past["timestamp"].max()) + 1,
        window_days=None,
        repeats=False,
        seed=seed,
        past=past,
        items=items,
        category="genre",
        relevant=items_by_user(ratings.drop(past.index)),
        metrics=METRICS,
    )
