"""Exports the trained model as one SavedModel with the signatures of `schemas.signatures`."""

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models.dataset import Catalogue, Profiles
from models.funnel import Funnel, RankedList, ServedItems
from models.item_tower import ItemTower
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
        self._settings = settings
        self._transform = graph.transform_features_layer()
        wanted = set(signatures.request_inputs(settings)) - {"user_id"}
        self._raw_spec = {name: spec for name, spec in graph.raw_feature_spec().items() if name in wanted}

    def recommend(self, exclude_item_ids, k, **request) -> dict[str, tf.Tensor]:
        """See `schemas.signatures.recommend_inputs`; gives item_ids, scores and reasons, [batch, largest k]."""
        excluded = self._funnel.items.positions(exclude_item_ids)
        return self._answer(self._funnel.recommend(self._features(request), excluded), k)

    def search(self, query, exclude_item_ids, k, **request) -> dict[str, tf.Tensor]:
        """See `schemas.signatures.search_inputs`; gives item_ids and scores, [batch, largest k]."""
        excluded = self._funnel.items.positions(exclude_item_ids)
        found = self._funnel.search(self._features(request), self._text_encoder(query), excluded)
        return _without_reasons(self._answer(found, k))

    def similar(self, item_id, k) -> dict[str, tf.Tensor]:
        """See `schemas.signatures.similar_inputs`; gives item_ids and scores, [batch, largest k]."""
        found = self._funnel.similar(self._funnel.items.positions(item_id))
        return _without_reasons(self._answer(found, k))

    def rank(self, candidate_item_ids, **request) -> dict[str, tf.Tensor]:
        """See `schemas.signatures.rank_inputs`; gives `score` and each head's prediction, [batch, num_candidates]."""
        return self._funnel.rank(self._features(request), self._funnel.items.positions(candidate_item_ids))

    def recommend_examples(self, examples) -> dict[str, tf.Tensor]:
        """Serialized request examples [batch] to what `recommend` gives, every ranked candidate in the list."""
        spec = {**self._raw_spec, "user_id": tf.io.VarLenFeature(tf.string)}
        raw = tf.io.parse_example(examples, spec)
        user_id = tf.sparse.to_dense(tf.sparse.reset_shape(raw.pop("user_id")))[:, 0]
        ranked = self._funnel.recommend(self._transformed(raw, user_id), tf.zeros([tf.size(examples), 0], tf.int64))
        return self._answer(ranked, tf.fill([tf.size(examples)], tf.shape(ranked.items)[1]))

    def _features(self, request: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Transforms a request given as dense tensors, padding of the history included."""
        present = tf.not_equal(request["history_item_ids"], "")
        place = tf.where(present)
        shape = tf.shape(present, tf.int64)
        raw = {
            name: tf.SparseTensor(place, tf.boolean_mask(request[name], present), shape) for name in signatures.HISTORY
        }
        for name in set(request) - set(signatures.HISTORY) - {"user_id"}:
            raw[name] = (
                tf.sparse.from_dense(request[name][:, tf.newaxis])
                if request[name].dtype == tf.string
                else (_sparse_column(request[name]))
            )
        return self._transformed(raw, request["user_id"])

    def _transformed(self, raw: dict[str, tf.SparseTensor], user_id: tf.Tensor) -> dict[str, tf.Tensor]:
        features = dict(self._transform(raw))
        for name, values in features.items():
            if isinstance(values, tf.SparseTensor):
                features[name] = tf.sparse.to_dense(values)
        return features | self._profiles(user_id)

    def _answer(self, ranked: RankedList, k: tf.Tensor) -> dict[str, tf.Tensor]:
        """Cuts each row to its own k, within the width of the largest."""
        width = tf.minimum(tf.reduce_max(k), tf.shape(ranked.items)[1])
        wanted = tf.sequence_mask(k, width)
        item_ids = tf.gather(self._funnel.items.ids, ranked.items[:, :width])
        return {
            "item_ids": tf.where(wanted, item_ids, ""),
            "scores": tf.where(wanted, ranked.scores[:, :width], 0.0),
            "reasons": tf.where(wanted, ranked.reasons[:, :width], ""),
        }


def _without_reasons(answer: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {name: answer[name] for name in ("item_ids", "scores")}


def _sparse_column(values: tf.Tensor) -> tf.SparseTensor:
    """[batch] as sparse [batch, 1], zeros kept."""
    rows = tf.range(tf.size(values, tf.int64))
    size = tf.size(values, tf.int64)
    return tf.SparseTensor(tf.stack([rows, tf.zeros_like(rows)], axis=1), values, tf.stack([size, 1]))


def serve_items(catalogue: Catalogue, item_tower: ItemTower) -> ServedItems:
    """Runs the item tower and the text encoder over the whole catalogue, once."""
    positions = np.arange(len(catalogue.item_ids))
    parts = [item_tower(tf.constant(part)) for part in np.array_split(positions, len(positions) // _EMBED_AT_ONCE + 1)]
    texts = tf.math.l2_normalize(item_tower.text.encode(), axis=-1)
    return ServedItems(catalogue, tf.concat(parts, axis=0), texts, item_tower.text.rows)


def export(
    directory: str,
    request_model: RequestModel,
    items: ServedItems,
    profiles: Profiles,
    text_encoder: TextEncoder,
    graph: tft.TFTransformOutput,
    settings: TrainerSettings,
) -> None:
    """Writes the SavedModel with all signatures to `directory`."""
    model = ServingModel(
        Funnel(request_model, items, settings), ServedProfiles(profiles), text_encoder, graph, settings
    )

    def signature(method, inputs: dict[str, tf.TensorSpec]):
        named = {name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in inputs.items()}
        return tf.function(method).get_concrete_function(**named)

    tf.saved_model.save(
        model,
        directory,
        signatures={
            "recommend": signature(model.recommend, signatures.recommend_inputs(settings)),
            "search": signature(model.search, signatures.search_inputs(settings)),
            "similar": signature(model.similar, signatures.similar_inputs()),
            "rank": signature(model.rank, signatures.rank_inputs(settings)),
            "serving_default": signature(model.recommend_examples, {"examples": tf.TensorSpec([None], tf.string)}),
        },
    )
