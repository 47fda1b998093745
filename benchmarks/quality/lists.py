"""What lists are like, whether or not they are right: of the ten best items of each user, in the task of all items.

- `diversity@10`: 1 - the mean cosine similarity of the pairs in a list, items being one-hot in their category; in other
  words the share of pairs of different categories. Items without a category share one. A list of one item has no pair
  and is left out.
- `novelty@10`: mean of -log2 of the share of users who took the item before the moment, in bits (Zhou et al., "Solving
  the apparent diversity-accuracy dilemma of recommender systems", PNAS 2010). An item that nobody took counts as taken
  by one user.
- `new@10`: share of items that the user never took before.
- `coverage@10`: share of the items taken by anyone before the moment that are in at least one user's list.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from benchmarks.quality.problem import Problem

LENGTH = 10
PROPERTIES = ("diversity@10", "novelty@10", "new@10")


def properties(by_user: Mapping[str, Sequence[str]], problem: Problem) -> dict[str, np.ndarray]:
    """Values of `PROPERTIES`, one for each user who has a list (of two items at least for diversity)."""
    top = _top(by_user)
    category = problem.items.set_index("item_id")[problem.category].fillna("")
    buyers = problem.past.groupby("item_id")["user_id"].nunique()
    bits = -np.log2(buyers.reindex(category.index, fill_value=1) / problem.past["user_id"].nunique())
    users = top["user_id"]
    pairs = pd.DataFrame({"user_id": users, "category": top["item_id"].map(category)})
    taken = [item in problem.taken.get(user, ()) for user, item in zip(users, top["item_id"], strict=True)]
    return {
        "diversity@10": _share_of_unlike_pairs(pairs),
        "novelty@10": top["item_id"].map(bits).groupby(users).mean().to_numpy(),
        "new@10": (~pd.Series(taken, index=top.index, dtype=bool)).groupby(users).mean().to_numpy(),
    }


def coverage(by_user: Mapping[str, Sequence[str]], problem: Problem) -> float:
    """The share of the items taken before the moment that some list shows."""
    known = problem.past["item_id"].unique()
    return float(np.isin(known, _top(by_user)["item_id"].unique()).mean())


def _top(by_user: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    rows = [(user, item) for user, items in by_user.items() for item in items[:LENGTH]]
    return pd.DataFrame(rows, columns=["user_id", "item_id"], dtype=object)


def _share_of_unlike_pairs(pairs: pd.DataFrame) -> np.ndarray:
    sizes = pairs.groupby("user_id").size()
    alike = pairs.groupby(["user_id", "category"]).size().pipe(lambda n: n * (n - 1) / 2).groupby("user_id").sum()
    possible = (sizes * (sizes - 1) / 2)[sizes > 1]
    return (1 - alike.reindex(possible.index) / possible).to_numpy()
