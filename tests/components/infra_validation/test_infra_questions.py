"""What a candidate is asked, and which answers cannot be shown to a shopper."""

import candidates
import numpy as np
import pytest

from components.infra_validation import answers, questions

SIGNATURES = ["recommend", "search", "similar", "rank", "serving_default"]


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> str:
    return candidates.write_examples(tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="module")
def catalogue(examples) -> questions.Catalogue:
    return questions.read_catalogue(examples, candidates.settings())


@pytest.fixture(scope="module")
def asked(examples, catalogue) -> list[questions.Question]:
    return list(questions.questions(examples, catalogue, candidates.settings()))


def test_items_are_offered_unless_they_are_known_not_to_be(catalogue):
    assert catalogue.offered == {b"item-0", b"item-1", b"item-2", b"item-4"}


def test_every_signature_is_asked_for_each_request_as_often_as_configured(asked, examples, catalogue):
    assert [question.signature for question in asked] == SIGNATURES * 3
    once = candidates.settings(validation_requests=1)
    assert [question.signature for question in questions.questions(examples, catalogue, once)] == SIGNATURES


def test_a_request_is_asked_as_a_client_would(asked):
    inputs = asked[0].inputs
    assert {name: values.tolist() for name, values in inputs.items()} == {
        "user_id": [b"user-0"],
        "timestamp": [1_600_000_000],
        "scene": [b"home"],
        "history_item_ids": [[b"item-1", b"item-2"]],
        "history_timestamps": [[1_500_000_000, 1_500_000_001]],
        "history_events": [[b"purchase", b"purchase"]],
        "context_price": [2.5],
        "exclude_item_ids": [[b"item-0"]],
        "k": [50],
    }
    assert inputs["k"].dtype == np.int32
    assert inputs["context_price"].dtype == np.float32


def test_what_a_request_lacks_is_missing(asked):
    inputs = asked[5].inputs
    assert inputs["history_item_ids"].shape == (1, 0)
    assert np.isnan(inputs["context_price"]).all()
    assert inputs["scene"].tolist() == [b""]


def test_searches_are_the_shoppers_own_or_words_of_what_was_taken(asked):
    searches = [question.inputs["query"].tolist() for question in asked if question.signature == "search"]
    assert searches == [[b"Red apples from"], [b"milk"], [b"Red apples from"]]


def test_similar_items_are_sought_for_what_was_taken_and_candidates_are_ranked(asked):
    assert [question.inputs["item_id"].tolist() for question in asked if question.signature == "similar"] == [
        [b"item-0"], [b"item-2"], [b"item-0"]
    ]  # fmt: skip
    ranked = [question.inputs["candidate_item_ids"].tolist() for question in asked if question.signature == "rank"]
    assert ranked == [[[b"item-0", b"item-1", b"item-2"]], [[b"item-2"]], [[b"item-0"]]]


def _list(*item_ids: bytes, score: float = 1.0) -> dict[str, np.ndarray]:
    return {"item_ids": np.array([item_ids], object), "scores": np.full([1, len(item_ids)], score, np.float32)}


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (_list(b"item-1", b"item-4", b"", b""), ""),
        (_list(b"item-1", score=np.nan), "its scores hold NaN or infinity"),
        (_list(b"item-1", score=-np.inf), "its scores hold NaN or infinity"),
        (_list(b"", b""), "its list is empty"),
        (_list(), "its list is empty"),
        (_list(b"item-1", b"item-9"), "it lists 'item-9', which the catalogue does not offer"),
        (_list(b"item-3"), "it lists 'item-3', which the catalogue does not offer"),
        (_list(b"item-1", b"item-1"), "it lists an item twice"),
        (_list(b"item-1", b"item-0"), "it lists 'item-0', which the request excludes"),
        ({"scores": np.ones([1, 1])}, "it gives no item_ids"),
    ],
)
def test_a_list_that_cannot_be_shown_is_a_fault(asked, catalogue, answer, fault):
    assert answers.fault(asked[0], answer, catalogue.offered) == fault


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"score": np.array([[3.0, 2.0, 1.0]]), "purchase": np.array([[0.5, 0.2, 0.1]])}, ""),
        ({"score": np.array([[3.0, 2.0, 1.0]]), "purchase": np.array([[0.5, np.nan, 0.1]])}, "its purchase hold NaN"),
        ({"score": np.array([[3.0, 2.0]])}, "it gives no score for each of 3 candidates"),
        ({"purchase": np.array([[3.0, 2.0, 1.0]])}, "it gives no score for each of 3 candidates"),
    ],
)
def test_candidates_without_a_finite_score_are_a_fault(asked, catalogue, answer, fault):
    found = answers.fault(asked[3], answer, catalogue.offered)
    assert found.startswith(fault)
    assert bool(found) == bool(fault)
