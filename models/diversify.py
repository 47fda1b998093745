"""Re-ranks the head of each list so that it does not show the same thing over and over.

Greedy maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): place after place, the item is taken that is
best when its likeness to the most similar item above it is held against it.

Relevance is the logarithm of the item's rank, not its score: scores are of any scale and shape, and one setting should
mean the same for every shop. So a copy of an item further up falls back as if its rank were `POOL` to the power of
diversity / (1 - diversity) times what it is: about 4 times at .2, and behind everything unlike it from .5 on.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

DEPTH = 50  # places that are filled anew
POOL = 200  # best-ranked items that may fill them
_CHOSEN = float("inf")  # likeness that no item makes up for
_PADDING = -1e9  # relevance of no item: worse than any, better than one that is chosen already


def diverse_order(
    items: tf.Tensor, embed: Callable[[tf.Tensor], tf.Tensor], categories: tf.Tensor, diversity: float
) -> tf.Tensor:
    """The order in which to show ranked items.

    Two items are alike by the mean of their embeddings' cosine, negative ones counting as 0, and the share of the
    categories that they have in common.

    Args:
        items: int64 [batch, width], best first; 0 where none is left, after all others.
        embed: maps items of any shape to their L2-normalised embeddings, float32 [..., dim].
        categories: of all items, int [num_items, num_categories]; 0 is unknown, and two unknowns are not alike. Without
            any category, likeness is the cosine alone.
        diversity: above 0, which keeps the order, to 1, which after the first item asks for difference alone.

    Returns:
        int32 [batch, width], the place in `items` of each item to show. A row holds every place once. Items that are
        not among the first `DEPTH` follow as they were ranked, and padding stays last.
    """
    width = tf.shape(items)[1]
    # As wide for short lists as for long ones, so that the loop over places is a fixed number of steps.
    pool = tf.pad(items[:, :POOL], [[0, 0], [0, tf.maximum(POOL - width, 0)]])
    pool = tf.ensure_shape(pool, [None, POOL])
    relevance = 1 - np.log1p(np.arange(POOL)) / np.log1p(POOL)
    open_relevance = tf.where(pool > 0, tf.constant((1 - diversity) * relevance, tf.float32), _PADDING)
    penalties = tf.linalg.set_diag(diversity * _likeness(pool, embed, categories), tf.fill(tf.shape(pool), _CHOSEN))
    penalty = tf.zeros_like(open_relevance)
    chosen = []
    for _ in range(DEPTH):  # unrolled: a tf.while_loop takes half as long again
        chosen.append(tf.argmax(open_relevance - penalty, axis=1, output_type=tf.int32))
        penalty = tf.maximum(penalty, tf.gather(penalties, chosen[-1], batch_dims=1))
    left = tf.sort(tf.where(penalty < _CHOSEN, tf.range(POOL), POOL), axis=1)[:, : POOL - DEPTH]
    behind = tf.range(POOL, tf.maximum(width, POOL)) + tf.zeros_like(chosen[0])[:, tf.newaxis]
    return tf.concat([tf.stack(chosen, axis=1), left, behind], axis=1)[:, :width]


def _likeness(pool: tf.Tensor, embed: Callable[[tf.Tensor], tf.Tensor], categories: tf.Tensor) -> tf.Tensor:
    """Float32 [batch, POOL, POOL] in [0, 1]."""
    embedded = embed(pool)
    cosine = tf.nn.relu(tf.matmul(embedded, embedded, transpose_b=True))
    keys = tf.unstack(tf.gather(categories, pool), axis=-1)
    if not keys:
        return cosine
    common = [(key[:, :, tf.newaxis] == key[:, tf.newaxis, :]) & (key > 0)[:, tf.newaxis, :] for key in keys]
    share = tf.add_n([tf.cast(same, tf.float32) for same in common]) / len(keys)
    return (cosine + share) / 2
