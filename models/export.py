"""Exports the trained model as one SavedModel with the signatures of `schemas.signatures`."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models.dataset import Catalogue, Profiles
from models.funnel import Funnel, RankedList, ServedItems
from models.item_to_item import ItemToItem
from models.item_tower import ItemTower
from models.query_tower import newest
from models.request_model import RequestModel
from models.settings import TrainerSettings
from models.text.encoder import TextEncoder
from schemas import signatures

_EMBED_AT_ONCE = 4096


class ServedProfiles(tf.Module):
    """The shoppers' transformed profiles, looked up by user id; an unknown shopper has the default of every feature."""

    def __init__(self, profiles: Profiles):
        super().__init__(name="profiles")
        rows = tf.range(1, len(profiles.user_ids) + 1, dtype=tf.int64)
        ids = tf.constant(profiles.user_ids, tf.string)
        self._rows = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(ids, rows), 0)
        self._features = {
            name: tf.Variable(np.concatenate([np.zeros(1, values.dtype), values]), trainable=False, name=name)
            for name, values in profiles.features.items()
        }

    def __call__(self, user_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = self._rows.lookup(user_ids)
        return {name: tf.gather(values, rows) for name, values in self._features.items()}


class ServingModel(tf.Module):
    """The signatures: raw request in, the shop's own ids out."""

    def __init__(
        self,
        funnel: Funnel,
        profiles: ServedProfiles,
        text_encoder: TextEncoder,
        graph: tft.TFTransformOutput,
        settings: TrainerSettings,
    ):
        super().__init__(name="shelfwise")
        self._funnel, self._profiles, self._text_encoder = funnel, profiles, text_encoder
        self._transform = graph.transform_features_layer()
        self._history_length = settings.history_length
        raw_spec = graph.raw_feature_spec()
        transformed = set(signatures.request_inputs(settings)) - {"user_id"}
        self._example_spec = {name: raw_spec[name] for name in transformed}
        self._example_spec["user_id"] = tf.io.FixedLenFeature([], tf.string, default_value="")

    def recommend(self, exclude_item_ids, k, **request) -> dict[str, tf.Tensor]:
        """See `schemas.signatures.recommend_inputs`; gives item_ids, scores and reasons, [batch, K]."""
        excluded = self._funnel.items.positions(exclude_item_ids)
        return self._answer(self._funnel.recommend(self.features(request), excluded), k)

    def search(self, query, exclude_item_ids, k, **request) -> dict[str, tf.Tensor]:
        """See `schemas.signatures.search_inputs`; gives item_ids and scores, [batch, K]."""
        excluded = self._funnel.items.positions(exclude_item_ids)
        found = self._funnel.search(self.features(request), self._text_encoder(query), excluded)
        return _without_reasons(self._answer(found, k))

    def similar(self, item_id, k) -> dict[str, tf.Tensor]:
        """See `schemas.signatures.similar_inputs`; gives item_ids and scores, [batch, K]."""
        found = self._funnel.similar(self._funnel.items.positions(item_id))
        return _without_reasons(self._answer(found, k))

    def rank(self, candidate_item_ids, **request) -> dict[str, tf.Tensor]:
        """See `schemas.signatures.rank_inputs`; gives `score` and each head's prediction, [batch, num_candidates]."""
        return self._funnel.rank(self.features(request), self._funnel.items.positions(candidate_item_ids))

    def recommend_examples(self, examples) -> dict[str, tf.Tensor]:
        """Serialized request examples [batch] to what `recommend` gives, every ranked candidate in the list."""
        raw = tf.io.parse_example(examples, self._example_spec)
        user_id = raw.pop("user_id")
        features = self._transformed(raw, user_id)
        ranked = self._funnel.recommend(features, tf.zeros([tf.size(examples), 0], tf.int64))
        return self._answer(ranked, tf.fill([tf.size(examples)], tf.shape(ranked.items)[1]))

    def rank_examples(self, examples) -> dict[str, tf.Tensor]:
        """Serialized request examples [batch] to what `rank` gives for the candidates of each.

        Of the candidates their ids are read alone: what became of them is no input, and their statistics are those that
        the model serves with.
        """
        raw = tf.io.parse_example(examples, self._example_spec | {"candidate_item_ids": tf.io.VarLenFeature(tf.string)})
        candidates = self._funnel.items.positions(tf.sparse.to_dense(raw.pop("candidate_item_ids")))
        user_id = raw.pop("user_id")
        return self._funnel.rank(self._transformed(raw, user_id), candidates)

    def embed_items(self, item_id) -> dict[str, tf.Tensor]:
        """See `schemas.signatures.offline_inputs`; an unknown item has the embedding of unknown items."""
        return {"embedding": self._funnel.items.embed(self._funnel.items.positions(item_id))}

    def features(self, request: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """What the model reads of a request given as dense tensors, padding of the history included."""
        is_event = request["history_item_ids"] != ""
        raw = {name: _sparse(request[name], is_event) for name in signatures.HISTORY}
        for name in sorted(request.keys() - raw.keys() - {"user_id"}):
            column = request[name][:, tf.newaxis]
            raw[name] = _sparse(column, column != "" if column.dtype == tf.string else tf.ones_like(column, tf.bool))
        return self._transformed(raw, request["user_id"])

    def _transformed(self, raw: dict[str, tf.SparseTensor], user_id: tf.Tensor) -> dict[str, tf.Tensor]:
        features = {
            name: tf.sparse.to_dense(values) if isinstance(values, tf.SparseTensor) else values
            for name, values in self._transform(raw).items()
        }
        # Training never saw more than this; a client may send all it has.
        return features | newest(features, self._history_length) | self._profiles(user_id)

    def _answer(self, ranked: RankedList, k: tf.Tensor) -> dict[str, tf.Tensor]:
        """Cuts each row to its own k, within the width of the largest."""
        width = tf.clip_by_value(tf.reduce_max(k), 0, tf.shape(ranked.items)[1])
        wanted = tf.sequence_mask(k, width)
        item_ids = tf.gather(self._funnel.items.ids, ranked.items[:, :width])
        return {
            "item_ids": tf.where(wanted, item_ids, ""),
            "scores": tf.where(wanted, ranked.scores[:, :width], 0.0),
            "reasons": tf.where(wanted, ranked.reasons[:, :width], ""),
        }


def _of_equal_rows(method: Callable) -> Callable:
    """Refuses inputs of different first dimensions, some of which would be broadcast to those of others."""

    def checked(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        first, *others = sorted(inputs)
        checks = [
            tf.debugging.assert_equal(
                tf.shape(inputs[name])[0],
                tf.shape(inputs[first])[0],
                message=f"every input has one row for each request, but {name} and {first} differ",
            )
            for name in others
        ]
        with tf.control_dependencies(checks):
            return method(**{name: tf.identity(value) for name, value in inputs.items()})

    return checked


def _without_reasons(answer: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {name: answer[name] for name in ("item_ids", "scores")}


def _sparse(values: tf.Tensor, present: tf.Tensor) -> tf.SparseTensor:
    """The values that are present, zeros among them, at their places."""
    return tf.SparseTensor(tf.where(present), tf.boolean_mask(values, present), tf.shape(values, tf.int64))


def serve_items(
    catalogue: Catalogue, item_tower: ItemTower, settings: TrainerSettings, item_to_item: ItemToItem | None = None
) -> ServedItems:
    """Runs the text encoder and the item tower over the whole catalogue, once."""
    text = item_tower.text
    text.freeze()
    positions = np.arange(len(catalogue.item_ids))
    parts = [item_tower(tf.constant(part)) for part in np.array_split(positions, len(positions) // _EMBED_AT_ONCE + 1)]
    texts = tf.math.l2_normalize(text.vectors, axis=-1)
    return ServedItems(catalogue, tf.concat(parts, axis=0), texts, text.rows, settings, item_to_item)


def export(
    directory: str,
    request_model: RequestModel,
    items: ServedItems,
    profiles: Profiles,
    text_encoder: TextEncoder,
    graph: tft.TFTransformOutput,
    settings: TrainerSettings,
) -> None:
    """Writes the SavedModel with all signatures to `directory`.

    It holds what serving needs: the query tower, the ranker and the tables of `items` and `profiles`, but not the item
    tower, whose output `items` is, nor the optimizer.
    """
    model = ServingModel(
        Funnel(request_model, items, settings), ServedProfiles(profiles), text_encoder, graph, settings
    )

    methods = {
        "recommend": model.recommend,
        "search": model.search,
        "similar": model.similar,
        "rank": model.rank,
        "serving_default": model.recommend_examples,
        signatures.RANK_EXAMPLES: model.rank_examples,
        signatures.EMBED_ITEMS: model.embed_items,
    }
    inputs = signatures.all_inputs(settings) | signatures.offline_inputs()

    def signature(name: str, inputs: dict[str, tf.TensorSpec]):
        named = {key: tf.TensorSpec(spec.shape, spec.dtype, name=key) for key, spec in inputs.items()}
        return tf.function(_of_equal_rows(methods[name])).get_concrete_function(**named)

    tf.saved_model.save(
        model,
        directory,
        signatures={name: signature(name, taken) for name, taken in inputs.items()},
    )
