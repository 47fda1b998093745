"""What the ranker sees of embeddings."""

import numpy as np
import pytest
import tensorflow as tf

from models.ranker import Ranker
from pipeline.config import Head

PURCHASE = Head(name="purchase", events=["purchase"])


@pytest.mark.parametrize("interactions", [True, False])
def test_without_interactions_candidates_differ_by_their_inner_product_with_the_request_alone(interactions):
    tf.keras.utils.set_random_seed(1)
    ranker = Ranker([8], [PURCHASE], "float32", interactions)
    # The first two agree with the request alike, along different dimensions; the third agrees less.
    candidates = tf.constant([[[0.6, 0.8, 0.0], [0.8, 0.6, 0.0], [0.6, 0.0, 0.8]]])
    request = tf.constant([[0.5**0.5, 0.5**0.5, 0.0]])
    history, mask = tf.constant([[[1.0, 0.0, 0.0]]]), tf.constant([[True]])
    scores = ranker(request, candidates, tf.ones([1, 3, 4]), history, mask)["purchase"].numpy()[0]
    assert np.isclose(scores[0], scores[1], rtol=1e-5) == (not interactions)
    assert abs(scores[0] - scores[2]) > 1e-3
