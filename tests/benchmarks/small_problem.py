"""A problem small enough to judge by hand: two shoppers who bought before, one who did not, five products."""

import pandas as pd

from benchmarks.quality.problem import Problem

MOMENT = 1_000
EVENTS = [  # user, item, timestamp
    ("ann", "milk", 10),
    ("ann", "milk", 20),
    ("ann", "bread", 30),
    ("bob", "milk", 40),
]
ITEMS = {"milk": "dairy", "cheese": "dairy", "bread": "bakery", "beer": None, "wine": None}


def problem(**changes) -> Problem:
    """The problem; `changes` replace its attributes."""
    past = pd.DataFrame(EVENTS, columns=["user_id", "item_id", "timestamp"])
    past = past.assign(event="purchase", scene="store", store_id=["s1", "s1", "s2", "s3"])
    attributes = {
        "name": "small",
        "moment": MOMENT,
        "window_days": 28,
        "repeats": True,
        "seed": 42,
        "past": past,
        "items": pd.DataFrame({"item_id": list(ITEMS), "category": list(ITEMS.values())}),
        "category": "category",
        "relevant": {"ann": {"milk", "cheese"}, "bob": {"milk"}, "cid": {"beer"}},
        "metrics": ("ndcg@10", "recall@50"),
    }
    return Problem(**attributes | changes)
