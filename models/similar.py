"""What is like an item: by what shoppers did with it, and by its text where they did little.

The item tower knows an item from the events that trained it. Of one that few took it has learned little more than that
it is rare, and finds other rare items. Its text says what it is all the same, so the two similarities are mixed: the
text weighs h / (h + n) for an item taken n times, half where n is h (`serving.similar_text_takings`).
`python -m benchmarks.similar` shows what h changes.
"""

import tensorflow as tf

from models.rows import distinct
from schemas.statistics import STATISTICS

_NEVER = float("-inf")
_TAKEN = STATISTICS.index("taken")
_NO_TEXT = 0  # row of the empty text, which sorts before all others and which the unknown item has


def similar_items(
    items, item: tf.Tensor, count: int, text_takings: float, popularity_weight: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Items like others, in any order.

    Args:
        items: a `models.funnel.ServedItems`.
        item: int64 [batch]; 0 is the unknown item.
        count: how many to find by either similarity.
        text_takings: how often an item was taken whose text weighs as much as its embedding; 0 leaves the text out.
        popularity_weight: of the popularity, 0 to 1, beside the text's similarity, since many items share one text.

    Returns:
        Items, int64 [batch, any], offered and without repeats, the item itself left out; and their scores, minus
        infinity at places that are not to be shown. An unknown item has none; one without a text goes by its embedding.
    """
    itself = item[:, tf.newaxis]
    embedding = items.embed(item)
    by_embedding, near = items.index.search(embedding, count, itself)
    if not text_takings:
        return near, tf.where(itself > 0, by_embedding, _NEVER)
    row = tf.gather(items.text_rows.value(), item)
    by_text = tf.matmul(tf.gather(items.text_embeddings.value(), row), items.text_embeddings, transpose_b=True)
    by_text = tf.gather(by_text, items.text_rows, axis=1) + popularity_weight * items.relative_popularity
    by_text = tf.where(items.offered.value(), by_text, _NEVER)
    alike = tf.math.top_k(by_text, min(count + 1, items.size)).indices  # the item itself among them
    candidates = distinct(tf.concat([near, tf.cast(alike, tf.int64)], axis=1))
    taken = tf.math.expm1(items.statistics(item)[:, _TAKEN])
    weight = tf.where(row == _NO_TEXT, 0.0, text_takings / (text_takings + taken))[:, tf.newaxis]
    scores = (1 - weight) * tf.linalg.matvec(items.embed(candidates), embedding)
    scores += weight * tf.gather(by_text, candidates, batch_dims=1)
    shown = (itself > 0) & (candidates != itself) & tf.gather(items.offered.value(), candidates)
    return candidates, tf.where(shown, scores, _NEVER)
