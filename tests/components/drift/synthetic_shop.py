"""Synthetic tables with the columns and about the distributions of the shipped shops, which keep their schemas."""

import numpy as np
import pandas as pd

ROWS = 12_000


def grocer_events(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Lines of one week; store `big` has 4 % of them, and each of the 96 others 1 %."""
    rng = np.random.default_rng(seed)
    stores = np.array(["big"] + [f"s{number}" for number in range(96)])
    return pd.DataFrame(
        {
            "user_id": rng.integers(0, 2000, rows).astype(str),
            "item_id": rng.integers(0, 500, rows).astype(str),
            "timestamp": rng.integers(1_500_000_000, 1_500_600_000, rows),
            "event": "purchase",
            "scene": "store",
            "session_id": rng.integers(0, 10**9, rows).astype(str),
            "quantity": rng.choice([1.0, 2.0, 3.0], rows, p=[0.8, 0.15, 0.05]),
            "value": np.round(rng.lognormal(0.7, 0.7, rows), 2),
            "store_id": rng.choice(stores, rows, p=[0.04] + [0.01] * 96),
        }
    )


def grocer_items() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "item_id": np.arange(1000).astype(str),
            "title": "organic milk",
            "department": rng.choice(["GROCERY", "DRUG GM", "PRODUCE"], 1000, p=[0.5, 0.4, 0.1]),
            "category": "MILK",
            "product_type": "FLUID MILK",
            "brand": rng.choice(["National", "Private"], 1000),
            "manufacturer": "69",
            "available": 1,
        }
    )


def grocer_users() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user_id": np.arange(500).astype(str),
            "age": "45-54",
            "income": "35-49K",
            "home_ownership": "Homeowner",
            "marital_status": "Married",
            "household_size": "2",
            "household_comp": "2 Adults No Kids",
            "kids_count": "0",
        }
    )


def film_events(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "user_id": rng.integers(0, 900, rows).astype(str),
            "item_id": rng.integers(0, 1600, rows).astype(str),
            "timestamp": rng.integers(880_000_000, 880_600_000, rows),
            "event": "rating",
            "scene": "movies",
            "value": rng.choice([1.0, 2.0, 3.0, 4.0, 5.0], rows, p=[0.06, 0.11, 0.27, 0.34, 0.22]),
        }
    )


def film_items() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "item_id": np.arange(1000).astype(str),
            "title": "Fargo",
            "genre": rng.choice(["Comedy", "Drama", "Sci-Fi"], 1000),
            "release_year": rng.integers(1930, 1999, 1000).astype(float),
            "available": 1,
        }
    )


def film_users() -> pd.DataFrame:
    return pd.DataFrame(
        {"user_id": np.arange(500).astype(str), "age": 34.0, "gender": ["F", "M"] * 250, "occupation": "writer"}
    )


TABLES = {
    "complete_journey": {"events": grocer_events, "items": grocer_items, "users": grocer_users},
    "movielens": {"events": film_events, "items": film_items, "users": film_users},
}
