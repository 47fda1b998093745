import math

import numpy as np
import pytest

from components.evaluation import ranking_metrics

LOG2_3 = math.log2(3)


def test_each_metric_matches_its_definition_worked_by_hand():
    metrics = ranking_metrics.list_metrics([b"x", b"a", b"y", b"b"], [b"a", b"b", b"c"], [1, 2, 4])
    # Hits stand at ranks 2 and 4; three items are relevant.
    assert metrics["recall@1"] == 0.0
    assert metrics["recall@2"] == pytest.approx(1 / 3)
    assert metrics["recall@4"] == pytest.approx(2 / 3)
    assert metrics["ndcg@1"] == 0.0
    # One hit at rank 2 against ideal hits at ranks 1, 2.
    assert metrics["ndcg@2"] == pytest.approx((1 / LOG2_3) / (1 + 1 / LOG2_3))
    # Hits at ranks 2, 4 against ideal hits at ranks 1, 2, 3: log2(3 + 1) = 2.
    assert metrics["ndcg@4"] == pytest.approx((1 / LOG2_3 + 1 / math.log2(5)) / (1 + 1 / LOG2_3 + 1 / 2))
    assert [metrics[f"mrr@{k}"] for k in (1, 2, 4)] == [0.0, 0.5, 0.5]
    assert [metrics[f"hit_rate@{k}"] for k in (1, 2, 4)] == [0.0, 1.0, 1.0]
    assert [metrics[f"precision@{k}"] for k in (1, 2, 4)] == [0.0, 1 / 2, 2 / 4]
    # Half of the first two places are hits, and half of the first four; the third relevant item adds nothing.
    assert [metrics[f"map@{k}"] for k in (1, 2, 4)] == pytest.approx([0.0, 1 / 2 / 3, (1 / 2 + 2 / 4) / 3])


def test_recall_divides_by_all_relevant_items_even_beyond_the_cutoff():
    metrics = ranking_metrics.list_metrics([b"a", b"b"], [b"a", b"b", b"c", b"d"], [2])
    assert metrics["recall@2"] == 0.5
    assert metrics["ndcg@2"] == 1.0  # the list could not have been better


def test_precision_divides_by_the_cutoff_even_where_the_list_is_shorter():
    assert ranking_metrics.list_metrics([b"a"], [b"a"], [4])["precision@4"] == 1 / 4


def test_padding_is_no_item():
    padded = ranking_metrics.list_metrics([b"a", b"", b""], [b"a", b"b"], [3])
    assert padded == ranking_metrics.list_metrics([b"a"], [b"a", b"b"], [3])
    # Padding among the answers is not one more relevant item: one of one was found.
    assert ranking_metrics.list_metrics([b"a", b""], [b"a", b""], [2])["recall@2"] == 1.0


def test_a_repeated_item_counts_once_and_takes_one_place():
    metrics = ranking_metrics.list_metrics([b"a", b"a", b"b"], [b"a", b"b"], [2])
    assert metrics["recall@2"] == 1.0
    assert metrics["ndcg@2"] == 1.0


@pytest.mark.parametrize("relevant", [[], [b""]])
def test_a_list_without_a_relevant_item_is_refused(relevant):
    with pytest.raises(ValueError, match="skip such requests"):
        ranking_metrics.list_metrics([b"a"], relevant, [1])


def test_first_time_metrics_judge_the_list_without_past_items():
    metrics = ranking_metrics.request_metrics(
        recommended=[b"old", b"other", b"new", b""],
        relevant=[b"old", b"new"],
        first_time=[b"new"],
        past=[b"old"],
        cutoffs=[2],
    )
    assert metrics["recall@2"] == 0.5  # old of old, new
    # With the past item removed, `new` stands at rank 2 and is all there is to find.
    assert metrics["first_time/recall@2"] == 1.0
    assert metrics["first_time/mrr@2"] == 0.5
    assert metrics["first_time/ndcg@2"] == pytest.approx(1 / LOG2_3)


def test_a_request_without_first_time_items_counts_only_for_all_items():
    metrics = ranking_metrics.request_metrics([b"old"], [b"old"], [], [b"old"], [1])
    assert set(metrics) == {"requests", *ranking_metrics.list_metric_names([1])}
    assert set(metrics.values()) == {1.0}


def test_a_request_without_any_answer_counts_nowhere():
    assert ranking_metrics.request_metrics([b"a"], [], [], [b"a"], [1]) == {}


def _by_matrix(lists: np.ndarray, relevant: list[np.ndarray], k: int) -> dict[str, np.ndarray]:
    """The same metrics from a hit matrix [num_lists, k]."""
    hits = np.stack([np.isin(row[:k], answers) for row, answers in zip(lists, relevant, strict=True)])
    sizes = np.array([len(answers) for answers in relevant])
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discounts)[np.minimum(sizes, k) - 1]
    return {
        f"recall@{k}": hits.sum(axis=1) / sizes,
        f"ndcg@{k}": hits @ discounts / ideal,
        f"mrr@{k}": np.max(hits / np.arange(1, k + 1), axis=1),
        f"hit_rate@{k}": hits.any(axis=1).astype(float),
        f"precision@{k}": hits.mean(axis=1),
        f"map@{k}": (hits * np.cumsum(hits, axis=1) / np.arange(1, k + 1)).sum(axis=1) / sizes,
    }


def test_equals_an_independent_computation_on_random_lists():
    rng = np.random.default_rng(7)
    catalogue = np.array([f"item-{i}".encode() for i in range(60)], dtype=object)
    lists = np.stack([rng.permutation(catalogue)[:30] for _ in range(200)])
    relevant = [rng.choice(catalogue, size=rng.integers(1, 25), replace=False) for _ in lists]
    for k in (1, 5, 30):
        expected = _by_matrix(lists, relevant, k)
        actual = [
            ranking_metrics.list_metrics(row.tolist(), answers.tolist(), [k])
            for row, answers in zip(lists, relevant, strict=True)
        ]
        for name, values in expected.items():
            np.testing.assert_allclose([metrics[name] for metrics in actual], values, atol=1e-6)


# Of the 40 lists below ranx 0.3.21 says so, which divides and cuts as we do:
#   qrels = Qrels({f"q{i}": {str(item): 1 for item in answers} for i, answers in enumerate(relevant)})
#   run = Run({f"q{i}": {str(item): 30.0 - place for place, item in enumerate(row)} for i, row in enumerate(lists)})
#   evaluate(qrels, run, [f"{metric}@{k}" for k in (5, 30) for metric in ("recall", "precision", ...)])
RANX = {
    "recall@5": 0.086953261195,
    "precision@5": 0.200000000000,
    "hit_rate@5": 0.625000000000,
    "mrr@5": 0.385833333333,
    "map@5": 0.053944370150,
    "ndcg@5": 0.212271419672,
    "recall@30": 0.515594560808,
    "precision@30": 0.201666666667,
    "hit_rate@30": 0.975000000000,
    "mrr@30": 0.425135477445,
    "map@30": 0.157372424784,
    "ndcg@30": 0.357262269715,
}


def test_equals_ranx_on_random_lists():
    draw = np.random.RandomState(11)  # its numbers are the same in every version of numpy
    lists = [draw.permutation(60)[:30] for _ in range(40)]
    relevant = [draw.choice(60, draw.randint(1, 25), replace=False) for _ in lists]
    ids = [str(item).encode() for item in range(60)]
    values = [
        ranking_metrics.list_metrics([ids[i] for i in row], {ids[i] for i in answers}, [5, 30])
        for row, answers in zip(lists, relevant, strict=True)
    ]
    means = {name: np.mean([value[name] for value in values]) for name in RANX}
    assert means == pytest.approx(RANX, abs=1e-9)
