"""A shop of 30 items and 12 shoppers, small enough to train within seconds, with numbers that are easy to derive.

Item n is called by colour n % 5 and fruit n % 6, so that no two share a title; shopper n takes what has colour n % 5.
"""

import pathlib

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from pipeline.config import Config
from schemas import request_example

NOON = 1_600_000_000  # Sunday, 13 September 2020, 12:26:40 UTC
DAY = 86_400
COLOURS = ["red", "green", "blue", "white", "black"]
FRUITS = ["apple", "pear", "plum", "fig", "lime", "melon"]
NUM_ITEMS, NUM_USERS = 30, 12
UNAVAILABLE, WITHOUT_PRICE, NAN_PRICE, DEAR = 29, 28, 27, 26
WITHOUT_PROFILE_VALUES = 10


def item_id(item: int) -> str:
    return f"item-{item:02}"


def user_id(user: int) -> str:
    return f"user-{user:02}"


def title(item: int) -> str:
    return f"{COLOURS[item % 5]} {FRUITS[item % 6]}"


def config(text_modules: pathlib.Path, **sections) -> Config:
    """Its configuration; `sections` are updated with the given values."""
    features = [
        {"name": "colour", "role": "item", "kind": "text"},
        {"name": "fruit", "role": "item", "kind": "text"},
        {"name": "brand", "role": "item", "kind": "categorical"},
        {"name": "price", "role": "item", "kind": "numeric"},
        {"name": "age", "role": "user", "kind": "categorical"},
        {"name": "club", "role": "user", "kind": "categorical"},
        {"name": "income", "role": "user", "kind": "numeric"},
        {"name": "store", "role": "context", "kind": "categorical"},
        {"name": "temperature", "role": "context", "kind": "numeric"},
    ]
    document = {
        "name": "tiny_shop",
        "data": {"root": "unused"},
        "schema_dir": "unused",
        "features": features,
        "requests": {
            "positive_events": ["purchase"],
            "history_events": ["purchase", "click"],
            "history_length": 8,
        },
        "model": {
            "text": {"preprocessor": str(text_modules / "preprocessor"), "encoder": str(text_modules / "encoder")},
            "embedding_dim": 8,
            "attention_length": 4,
            "attention_heads": 2,
            "sampled_negatives": 8,
            "rank_units": [8],
            "heads": [
                {"name": "purchase", "events": ["purchase"]},
                {"name": "spend", "loss": "squared_error", "column": "value", "loss_weight": 0.1, "score_weight": 0.01},
            ],
        },
        "training": {"epochs": 2, "batch_size": 16, "learning_rate": 0.01},
        "serving": {"retrieved": 6, "popular": 3},
    }
    for name, values in sections.items():
        document[name] = document.get(name, {}) | values
    return Config.model_validate(document)


def statistics(role: str, counts: list[float]) -> dict:
    """The raw statistics of items by the number of recent takings; role is `item` or `candidate`."""
    # Statistic 0, the popularity, is the count itself, statistic 1 half of it, statistic 2 a third, and so on.
    return {
        f"{role}_{name}": [count / (place + 1) for count in counts]
        for place, name in enumerate(request_example.STATISTICS)
    }


def items() -> list[dict]:
    """The split `catalog`: 27 items at 2 and one at 30, of which the mean is 3 and the variance 27."""
    rows = []
    for item in range(NUM_ITEMS):
        row = {
            "item_id": [item_id(item)],
            "item_colour": [COLOURS[item % 5]],
            "item_fruit": [FRUITS[item % 6]],
            "item_brand": [f"brand-{item % 5}"],
            "item_price": [{DEAR: 30.0, NAN_PRICE: float("nan")}.get(item, 2.0)],
            "item_available": [1],
        } | statistics("item", [1000.0 if item == UNAVAILABLE else float(NUM_ITEMS - item)])
        if item == WITHOUT_PRICE:
            del row["item_price"], row["item_available"]
        if item == UNAVAILABLE:
            row["item_available"] = [0]
        rows.append(row)
    return rows


def profile(user: int) -> dict:
    """Half earn 10 and half 20; nobody is in a club."""
    if user == WITHOUT_PROFILE_VALUES:
        return {"user_id": [user_id(user)]}
    income = 10.0 if user < 5 else 20.0
    return {"user_id": [user_id(user)], "user_age": [f"age-{user % 3}"], "user_income": [income]}


def request(user: int, number: int) -> dict:
    """What a shopper asked, and what answered it; it is 0 degrees at one request and 20 at the next."""
    rng = np.random.default_rng([user, number])
    taken = np.arange(user % 5, NUM_ITEMS, 5)
    past, labels = rng.choice(taken, 4), rng.choice(taken, 2, replace=False)
    candidates = np.unique(np.concatenate([labels, past, rng.choice(NUM_ITEMS, 6)]))
    ages = np.sort(rng.integers(1, 100 * DAY, len(past)))[::-1]
    answered = np.isin(candidates, labels)
    return profile(user) | {
        "timestamp": [NOON + number * 7 * DAY],
        "scene": ["home" if number % 2 else "basket"],
        "shopper": ["returning"],
        "history_item_ids": [item_id(item) for item in past],
        "history_timestamps": (NOON + number * 7 * DAY - ages).tolist(),
        "history_events": ["click", *["purchase"] * (len(past) - 1)],
        "context_store": [f"store-{user % 2}"],
        "context_temperature": [20.0 * (number % 2)],
        "label_item_ids": [item_id(item) for item in labels],
        "candidate_item_ids": [item_id(item) for item in candidates],
        **statistics("candidate", [float(NUM_ITEMS - item) for item in candidates]),
        "candidate_sampling_log_odds": np.where(answered, 0.7, -0.2).tolist(),
        "candidate_purchase": answered.astype(float).tolist(),
        "candidate_spend": np.where(answered, 2.0, np.nan).tolist(),
    }


def odd_request() -> dict:
    """Everything that can be unknown or missing at once; Monday, 6 January 1986, 00:00:00 UTC."""
    monday = 505_353_600
    return {
        "user_id": ["nobody"],
        "timestamp": [monday],
        "history_item_ids": [item_id(3), "no-such-item", item_id(4), item_id(5)],
        "history_timestamps": [monday - 36 * 3600, monday - DAY, monday + 5, monday - DAY],
        "history_events": ["purchase", "purchase", "click", "wish"],
        "context_store": ["no-such-store"],
        "label_item_ids": [item_id(3)],
        "candidate_item_ids": [item_id(3), "no-such-item"],
        **statistics("candidate", [9.0, 0.0]),
        "candidate_sampling_log_odds": [1.5, -0.5],
        "candidate_purchase": [1.0, 0.0],
        "candidate_spend": [7.5, float("nan")],
    }


def splits() -> dict[str, list[dict]]:
    """Raw examples by split."""
    return {
        "train": [request(user, number) for user in range(10) for number in range(4)],
        "validation": [request(user, number) for user in (10, 11) for number in range(4)],
        "eval": [*[request(user, 4) for user in range(NUM_USERS)], odd_request()],
        request_example.CATALOG_SPLIT: items(),
        request_example.USERS_SPLIT: [profile(user) for user in range(NUM_USERS)],
    }


def encode(row: dict) -> bytes:
    """A row as a serialized tf.Example."""
    features = {}
    for name, values in row.items():
        if isinstance(values[0], str):
            features[name] = tf.train.Feature(bytes_list={"value": [value.encode() for value in values]})
        elif isinstance(values[0], int):
            features[name] = tf.train.Feature(int64_list={"value": values})
        else:
            features[name] = tf.train.Feature(float_list={"value": values})
    return tf.train.Example(features={"feature": features}).SerializeToString()


def dense_request(*rows: dict, width: int = 6) -> dict[str, tf.Tensor]:
    """The rows as a client sends them: dense, histories padded to `width`."""

    def one(name: str, missing, dtype: tf.DType) -> tf.Tensor:
        return tf.constant([row.get(name, [missing])[0] for row in rows], dtype)

    def history(name: str, missing, dtype: tf.DType) -> tf.Tensor:
        return tf.constant([row[name] + [missing] * (width - len(row[name])) for row in rows], dtype)

    return {
        "user_id": one("user_id", "", tf.string),
        "timestamp": one("timestamp", 0, tf.int64),
        "scene": one("scene", "", tf.string),
        "context_store": one("context_store", "", tf.string),
        "context_temperature": one("context_temperature", float("nan"), tf.float32),
        "history_item_ids": history("history_item_ids", "", tf.string),
        "history_timestamps": history("history_timestamps", 0, tf.int64),
        "history_events": history("history_events", "", tf.string),
    }


def build_text_modules(folder: pathlib.Path) -> None:
    """A bag of words by the TF Hub text API: each known word is a dimension."""
    words = [*COLOURS, *FRUITS]
    preprocessor, encoder = tf.train.Checkpoint(), tf.train.Checkpoint()
    values = tf.range(1, len(words) + 1)
    preprocessor.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(words, values), 0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def preprocess(texts):
        ids = preprocessor.table[tf_text.WhitespaceTokenizer().tokenize(texts)].to_tensor()
        return {"input_word_ids": ids, "input_mask": tf.cast(ids > 0, tf.int32), "input_type_ids": tf.zeros_like(ids)}

    encoder.kernel = tf.Variable(tf.eye(len(words)))

    @tf.function
    def encode_words(inputs, training=False):
        del training  # nothing to drop out
        counts = tf.reduce_sum(tf.one_hot(inputs["input_word_ids"] - 1, len(words)), axis=1)
        return {"pooled_output": tf.matmul(counts, encoder.kernel)}

    spec = {name: tf.TensorSpec([None, None], tf.int32) for name in ("input_word_ids", "input_mask", "input_type_ids")}
    for training in (False, True):
        encode_words.get_concrete_function(spec, training=training)
    preprocessor.__call__, encoder.__call__ = preprocess, encode_words
    encoder.variables = encoder.trainable_variables = [encoder.kernel]
    encoder.regularization_losses = []
    tf.saved_model.save(preprocessor, str(folder / "preprocessor"))
    tf.saved_model.save(encoder, str(folder / "encoder"))
