"""The joint loss against a computation in numpy."""

import numpy as np
import pytest
import tensorflow as tf
import tiny_pipeline

from models.joint_model import JointModel
from schemas.statistics import STATISTICS

SEED = 5
POSITIVES, NEGATIVES, NUM_ITEMS, TEMPERATURE = 2, 8, 30, 0.1

STATISTIC_VALUES = tf.constant([[1.0, 2.0, 0.5], [0.2, 0.0, 0.0], [3.0, 0.0, 0.0]]) * tf.reshape(
    tf.range(1.0, 1.0 + len(STATISTICS)), [-1, 1, 1]
)


@pytest.fixture(scope="module")
def untrained(shop):
    return tiny_pipeline.untrained(shop, tiny_pipeline.change(shop.settings, model={"retrieval_positives": POSITIVES}))


@pytest.fixture(scope="module")
def model(untrained):
    return untrained[0]


@pytest.fixture(scope="module")
def catalogue(untrained):
    return untrained[1]


@pytest.fixture
def batch() -> dict[str, tf.Tensor]:
    """Three requests: the first two share the label 4, the third has no known label and a single candidate."""
    nan = float("nan")
    scalars = ("hour", "weekday", "scene", "user_age", "user_club", "context_store")
    return {
        "history_items": tf.constant([[3, 5], [0, 7], [0, 0]], tf.int64),
        "history_age_days": tf.constant([[1.0, 2.0], [0.0, 9.0], [0.0, 0.0]]),
        "history_kinds": tf.constant([[1, 2], [0, 1], [0, 0]], tf.int64),
        **{name: tf.constant([1, 0, 0], tf.int64) for name in scalars},
        **{name: tf.constant([1.0, -1.0, 0.0]) for name in ("user_income", "context_temperature")},
        "label_items": tf.constant([[4, 12, 20], [9, 4, 0], [0, 0, 0]], tf.int64),
        "candidate_items": tf.constant([[4, 12, 3], [9, 8, 0], [1, 0, 0]], tf.int64),
        **{f"candidate_{name}": values for name, values in zip(STATISTICS, tf.unstack(STATISTIC_VALUES), strict=True)},
        "candidate_sampling_log_odds": tf.constant([[2.0, 2.0, -1.0], [1.0, -0.5, 0.0], [0.3, 0.0, 0.0]]),
        "candidate_purchase": tf.constant([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]),
        "candidate_spend": tf.constant([[2.5, nan, nan], [4.0, nan, 0.0], [nan, 0.0, 0.0]]),
    }


def losses(model, batch, training: bool = False) -> dict[str, float]:
    """The loss that `compute_loss` returns, and the means that it reports."""
    model.reset_metrics()
    model.random.reset_from_seed(SEED)
    joint = float(model.compute_loss(batch, training=training))
    return {"returned": joint, **{name: float(value) for name, value in model.get_metrics_result().items()}}


def drawn(batch, num_negatives: int = NEGATIVES) -> tuple[np.ndarray, np.ndarray]:
    """What the model draws under `SEED`: each request's positives [3, POSITIVES], and the sampled negatives."""
    random = tf.random.Generator.from_seed(SEED)
    labels = batch["label_items"].numpy()
    chance = np.where(labels > 0, random.uniform(labels.shape).numpy(), -1.0)
    negatives = random.uniform([num_negatives], 1, NUM_ITEMS + 1, tf.int64).numpy()
    best = np.argsort(-chance, axis=1)[:, :POSITIVES]
    return np.take_along_axis(labels, best, axis=1), negatives


def retrieval_loss(model, catalogue, batch, num_negatives: int = NEGATIVES) -> float:
    """The sampled softmax of the first two requests; the third has nothing to learn from."""
    positives, negatives = drawn(batch, num_negatives)
    candidates = np.concatenate([positives.ravel(), negatives])
    labels = batch["label_items"].numpy()
    query = model.request_model.embed(batch, model.item_tower).query.numpy()
    logits = query @ model.item_tower(tf.constant(candidates)).numpy().T / TEMPERATURE

    # How many times each item is expected among the candidates: as one of the four positives, by how often it was taken
    # of late (plus one), and as a uniform negative.
    taken = np.exp(catalogue.popularity.astype(np.float64))
    taken[0] = 0.0
    expected = 4 * taken / taken.sum() + num_negatives / NUM_ITEMS
    logits = logits - np.log(np.where(candidates > 0, expected[candidates], 1.0))

    total = 0.0
    for row in (0, 1):
        others = [c for c in range(len(candidates)) if candidates[c] not in {*labels[row], 0}]
        for own in (POSITIVES * row, POSITIVES * row + 1):
            competing = np.append(logits[row, others], logits[row, own])
            total += np.log(np.exp(competing).sum()) - logits[row, own]
    return total / 4


def test_retrieval_is_a_sampled_softmax_corrected_for_the_chance_of_each_candidate(model, catalogue, batch):
    assert losses(model, batch)["retrieval_loss"] == pytest.approx(retrieval_loss(model, catalogue, batch), rel=1e-5)


def test_the_chance_of_rare_items_is_corrected_however_small_it_is(shop, model, catalogue, batch):
    statistics = catalogue.statistics.copy()
    statistics[NUM_ITEMS, STATISTICS.index("popularity")] = 25.0  # taken so often that all others' chance is below 1e-8
    skewed = catalogue._replace(statistics=statistics)
    changes = {"retrieval_positives": POSITIVES, "sampled_negatives": 0}
    settings = tiny_pipeline.change(shop.settings, model=changes)
    rare = JointModel(settings, skewed, model.item_tower, model.request_model, model.random)
    by_hand = retrieval_loss(model, skewed, batch, num_negatives=0)
    assert losses(rare, batch)["retrieval_loss"] == pytest.approx(by_hand, rel=1e-5)


def test_positives_are_distinct_and_drawn_among_known_labels_only(batch):
    positives, _ = drawn(batch)
    assert len({*positives[0]} & {4, 12, 20}) == 2
    assert {*positives[1]} == {9, 4}
    assert positives[2].tolist() == [0, 0]


def test_classification_is_the_mean_cross_entropy_with_the_sampling_taken_out(model, batch):
    request = model.request_model.embed(batch, model.item_tower)
    candidates = batch["candidate_items"]
    statistics = tf.transpose(STATISTIC_VALUES, [1, 2, 0])
    raw = model.request_model.rank(request, candidates, statistics, model.item_tower(candidates))
    logits = raw["purchase"].numpy() + batch["candidate_sampling_log_odds"].numpy()
    labels = batch["candidate_purchase"].numpy()
    entropy = np.log1p(np.exp(-np.abs(logits))) + np.maximum(logits, 0) - logits * labels
    # Six candidates are items; the other three of the 3 x 3 are padding.
    assert losses(model, batch)["purchase_loss"] == pytest.approx(entropy[candidates.numpy() > 0].sum() / 6, rel=1e-5)


def test_regression_learns_from_labelled_candidates_only(model, batch):
    request = model.request_model.embed(batch, model.item_tower)
    candidates = batch["candidate_items"]
    statistics = tf.transpose(STATISTIC_VALUES, [1, 2, 0])
    raw = model.request_model.rank(request, candidates, statistics, model.item_tower(candidates))
    predicted = raw["spend"].numpy()
    # Two candidates have a value, 2.5 and 4; the zeros are padding.
    expected = ((predicted[0, 0] - 2.5) ** 2 + (predicted[1, 0] - 4.0) ** 2) / 2
    assert losses(model, batch)["spend_loss"] == pytest.approx(expected, rel=1e-5)


def test_the_joint_loss_weighs_the_tasks(model, batch):
    values = losses(model, batch)
    # retrieval_weight 1, purchase weighs 1 and spend 0.1.
    ranking = values["purchase_loss"] + 0.1 * values["spend_loss"]
    assert values["ranking_loss"] == pytest.approx(ranking, rel=1e-6)
    expected = values["retrieval_loss"] + ranking
    assert values["returned"] == pytest.approx(expected, rel=1e-6)
    # The metric is a sum over three requests, divided by three: in 32 bits that need not give the same number back.
    assert values["joint_loss"] == pytest.approx(expected, rel=1e-6)


def test_reported_losses_are_means_over_requests_not_over_batches(model, batch):
    first = losses(model, batch)["joint_loss"]
    half = {name: values[:1] for name, values in batch.items()}
    second = losses(model, half)["joint_loss"]
    model.reset_metrics()
    model.random.reset_from_seed(SEED)
    model.compute_loss(batch)
    model.random.reset_from_seed(SEED)
    model.compute_loss(half)
    assert float(model.get_metrics_result()["joint_loss"]) == pytest.approx((3 * first + second) / 4, rel=1e-5)


def test_gradients_are_finite_where_labels_are_nan(model, batch):
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, training=True)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(gradient is None or np.isfinite(tf.convert_to_tensor(gradient)).all() for gradient in gradients)


def test_a_batch_in_which_nothing_is_known_costs_nothing(model, batch):
    unknown = {name: values[2:] for name, values in batch.items()}
    unknown["candidate_items"] = tf.zeros_like(unknown["candidate_items"])
    assert losses(model, unknown)["returned"] == 0.0


def test_explicit_features_are_scaled_by_their_candidates_alone(shop, batch):
    model, _ = tiny_pipeline.untrained(shop, shop.settings)
    model.request_model.adapt(tf.data.Dataset.from_tensors(batch))
    (normalize,) = (layer for layer in model.submodules if isinstance(layer, tf.keras.layers.Normalization))
    # Six candidates are items. The statistics come first: of the first, they have 1, 2, 0.5, 0.2, 0 and 3.
    values = np.array([1.0, 2.0, 0.5, 0.2, 0.0, 3.0])
    assert normalize.mean.numpy()[0, 0] == pytest.approx(values.mean(), rel=1e-5)
    assert normalize.variance.numpy()[0, 0] == pytest.approx(values.var(), rel=1e-5)
    assert int(normalize.count) == 6
