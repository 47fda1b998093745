import numpy as np
import pytest

from components.evaluation import tfma_metrics


def _extracts(item_ids, labels, past=None):
    """What TFMA hands on for one request of a single-model evaluation."""
    return {
        "predictions": {"item_ids": np.array(item_ids, dtype=object), "scores": np.zeros(len(item_ids))},
        "labels": labels,
        "features": {} if past is None else {"past_item_ids": past},
    }


def test_a_request_is_read_without_padding_and_with_missing_features_as_empty():
    request = tfma_metrics.read_request(_extracts([b"a", b""], np.array([b"a"], dtype=object)), "")
    assert request == ([b"a"], [b"a"], [], [])
    # A batch in which some examples lack a feature holds None for them.
    request = tfma_metrics.read_request(_extracts([b"a"], None, past=np.array([None])), "")
    assert request == ([b"a"], [], [], [])


def test_each_model_is_read_by_its_own_prediction():
    extracts = _extracts([], np.array([b"a"]))
    extracts["predictions"] = {name: {"item_ids": np.array([name.encode()])} for name in ("candidate", "baseline")}
    assert tfma_metrics.read_request(extracts, "baseline").recommended == [b"baseline"]


def test_numeric_item_ids_are_refused_since_they_would_never_match():
    with pytest.raises(ValueError, match="'label_item_ids' holds int values"):
        tfma_metrics.read_request(_extracts([b"7"], np.array([0, 7])), "")


def test_a_model_without_item_ids_is_refused():
    extracts = _extracts([], None)
    extracts["predictions"] = np.array([0.5])  # TFMA unwraps a signature with one output
    with pytest.raises(ValueError, match="model 'candidate' gives no output 'item_ids'"):
        tfma_metrics.read_request(extracts, "")


def test_a_slice_has_the_same_means_however_its_requests_are_spread_over_workers():
    (computation,) = tfma_metrics.ListMetrics(cutoffs=[1]).computations(model_names=[""])
    preprocessor, combiner = computation.preprocessors[0], computation.combiner
    lists = ([b"a"], [b"x"], [b"a"], [b"a"])
    vectors = [vector for row in lists for vector in preprocessor.process(_extracts(row, np.array([b"a"])))]

    def accumulate(part):
        accumulator = combiner.create_accumulator()
        for vector in part:
            accumulator = combiner.add_input(accumulator, vector)
        return accumulator

    parts = [accumulate(vectors[:1]), accumulate(vectors[1:])]
    merged = {key.name: value for key, value in combiner.extract_output(combiner.merge_accumulators(parts)).items()}
    assert merged["requests"] == 4
    assert merged["recall@1"] == 0.75  # three of four lists start with the answer
    # Beam may merge the same parts again, so merging must leave them as they were.
    np.testing.assert_array_equal(parts[0], accumulate(vectors[:1]))
