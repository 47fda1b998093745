"""A SavedModel with Shelfwise's signatures whose answers can be worked out by hand.

The catalogue is item-0 ... item-4. `base` is an item's base score: item-i has `bias + i`.

- recommend: the best items by `base` plus the request's `context_price` plus 100 where the item is in the history;
  excluded items are left out. The reason is `bought_before` for history items, else `popular`.
- search: as recommend, but only the item whose name equals the query.
- similar: every other item by `base`.
- rank: `purchase` is `base + context_price` of each candidate, `click` twice that, `score` their sum; -1 if unknown.
"""

import pathlib

import tensorflow as tf

POLL_SECONDS = 0.05  # between two looks for versions, of the servers of tests
ITEMS = [b"item-0", b"item-1", b"item-2", b"item-3", b"item-4"]
_NUM_ITEMS = len(ITEMS)


def _request_specs() -> dict[str, tf.TensorSpec]:
    return {
        "user_id": tf.TensorSpec([None], tf.string, "user_id"),
        "history_item_ids": tf.TensorSpec([None, None], tf.string, "history_item_ids"),
        "history_timestamps": tf.TensorSpec([None, None], tf.int64, "history_timestamps"),
        "history_events": tf.TensorSpec([None, None], tf.string, "history_events"),
        "scene": tf.TensorSpec([None], tf.string, "scene"),
        "timestamp": tf.TensorSpec([None], tf.int64, "timestamp"),
        "context_store": tf.TensorSpec([None], tf.string, "context_store"),
        "context_price": tf.TensorSpec([None], tf.float32, "context_price"),
    }


_LIST_SPECS = {
    "exclude_item_ids": tf.TensorSpec([None, None], tf.string, "exclude_item_ids"),
    "k": tf.TensorSpec([None], tf.int32, "k"),
}


def _price(request):
    """The price of each request, [batch, 1]; a missing one, NaN, counts as 0."""
    price = request["context_price"][:, None]
    return tf.where(tf.math.is_nan(price), 0.0, price)


class Toy(tf.Module):
    """The model of the module docstring."""

    def __init__(self, bias: float):
        super().__init__()
        self.base = tf.Variable([bias + i for i in range(_NUM_ITEMS)], dtype=tf.float32)
        self.items = tf.constant(ITEMS)

    def _mentioned(self, item_ids: tf.Tensor) -> tf.Tensor:
        """Whether each item of the catalogue is among `item_ids` [B, N]; gives [B, 5]."""
        return tf.reduce_any(item_ids[:, :, None] == self.items, axis=1)

    def _best(self, scores: tf.Tensor, allowed: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Ids, scores and catalogue positions of the best allowed items, padded as the signatures say."""
        width = tf.minimum(tf.reduce_max(k), _NUM_ITEMS)
        values, indices = tf.math.top_k(tf.where(allowed, scores, -1e9), width)
        real = (values > -1e8) & (tf.range(tf.shape(values)[1]) < k[:, None])
        return tf.where(real, tf.gather(self.items, indices), ""), tf.where(real, values, 0.0), indices

    def recommend(self, **request):
        owned = self._mentioned(request["history_item_ids"])
        scores = self.base + _price(request) + 100.0 * tf.cast(owned, tf.float32)
        allowed = ~self._mentioned(request["exclude_item_ids"])
        ids, scores, indices = self._best(scores, allowed, request["k"])
        reasons = tf.where(tf.gather(owned, indices, batch_dims=1), "bought_before", "popular")
        return {"item_ids": ids, "scores": scores, "reasons": tf.where(ids == "", "", reasons)}

    def search(self, query, **request):
        allowed = self.items == query[:, None]
        ids, scores, _ = self._best(tf.ones_like(allowed, tf.float32) * self.base, allowed, request["k"])
        return {"item_ids": ids, "scores": scores}

    def similar(self, item_id, k):
        allowed = self.items != item_id[:, None]
        ids, scores, _ = self._best(tf.ones_like(allowed, tf.float32) * self.base, allowed, k)
        return {"item_ids": ids, "scores": scores}

    def rank(self, candidate_item_ids, **request):
        known = candidate_item_ids[:, :, None] == self.items
        purchase = tf.reduce_sum(tf.where(known, self.base, 0.0), axis=2) + _price(request)
        purchase = tf.where(tf.reduce_any(known, axis=2), purchase, -1.0)
        return {"score": 3.0 * purchase, "purchase": purchase, "click": 2.0 * purchase}

    def sleep(self, seconds):
        """Answers after so many seconds."""
        stop = tf.timestamp() + tf.cast(seconds[0], tf.float64)
        (steps,) = tf.while_loop(lambda i: tf.timestamp() < stop, lambda i: (i + 1,), [tf.constant(0)])
        return {"steps": steps}

    def wait(self, started, go_on):
        """Writes the file `started`, and answers once there is a file `go_on`."""
        with tf.control_dependencies([tf.io.write_file(started[0], "")]):  # loops may take every thread there is
            start = tf.constant(0)

        def is_to_wait(i):
            pattern = tf.where(i < 0, "", go_on[0])  # not the same in every turn, for all that the optimizer knows
            return tf.size(tf.io.matching_files(pattern)) == 0

        (steps,) = tf.while_loop(is_to_wait, lambda i: (i + 1,), [start])
        return {"steps": steps}


def export(
    folder: pathlib.Path, bias: float = 0.0, declare_weather: bool = False, with_recommend: bool = True
) -> pathlib.Path:
    """Writes the model.

    Args:
        folder: a version folder, such as `<base>/1`.
        bias: what is added to every item's base score; tells versions apart.
        declare_weather: adds a further context input, as a model of a changed configuration would.
        with_recommend: leaves the signature out if False.
    """
    toy = Toy(bias)
    request = _request_specs()
    if declare_weather:
        request["context_weather"] = tf.TensorSpec([None], tf.string, "context_weather")
    query = tf.TensorSpec([None], tf.string, "query")
    candidates = tf.TensorSpec([None, None], tf.string, "candidate_item_ids")
    item_id = tf.TensorSpec([None], tf.string, "item_id")
    seconds = tf.TensorSpec([1], tf.float32, "seconds")
    started, go_on = tf.TensorSpec([1], tf.string, "started"), tf.TensorSpec([1], tf.string, "go_on")
    specs = {
        "recommend": (toy.recommend, {**request, **_LIST_SPECS}),
        "search": (toy.search, {"query": query, **request, **_LIST_SPECS}),
        "similar": (toy.similar, {"item_id": item_id, "k": _LIST_SPECS["k"]}),
        "rank": (toy.rank, {"candidate_item_ids": candidates, **request}),
        "sleep": (toy.sleep, {"seconds": seconds}),
        "wait": (toy.wait, {"started": started, "go_on": go_on}),
    }
    if not with_recommend:
        del specs["recommend"]
    signatures = {name: tf.function(method).get_concrete_function(**spec) for name, (method, spec) in specs.items()}
    tf.saved_model.save(toy, str(folder), signatures=signatures)
    return folder
