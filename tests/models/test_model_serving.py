"""The exported model's signatures, asked as a shop asks them."""

import numpy as np
import pytest
import tensorflow as tf
import tiny_shop
from tiny_shop import DAY, NOON, item_id

from models import dataset
from models.export import ServedProfiles

NUM_CANDIDATES = 4 + 6 + 3  # the history of a request, what is retrieved, what is popular
POPULAR = {item_id(item) for item in (0, 1, 2)}


def shopper(history: dict[str, str], user_id: str = "user-03") -> dict:
    """A shopper who did one thing a day with the items given, the newest first."""
    days = range(1, len(history) + 1)
    return {
        "user_id": [user_id],
        "timestamp": [NOON],
        "scene": ["home"],
        "context_store": ["store-1"],
        "context_temperature": [20.0],
        "history_item_ids": list(history),
        "history_timestamps": [NOON - day * DAY for day in days],
        "history_events": list(history.values()),
    }


def bought(*items: int) -> dict[str, str]:
    return {item_id(item): "purchase" for item in items}


USUAL = shopper(bought(3, 8, 13, 18))


def strings(rows: list[list[str]]) -> tf.Tensor:
    width = max(map(len, rows))
    return tf.constant([row + [""] * (width - len(row)) for row in rows], tf.string, [len(rows), width])


def ask(served, name: str, *rows: dict, k=100, exclude=None, width=6, **inputs) -> dict[str, np.ndarray]:
    """Asks `recommend` or `search` for one shopper a row."""
    inputs["k"] = tf.broadcast_to(tf.constant(k, tf.int32), [len(rows)])
    inputs["exclude_item_ids"] = strings(exclude or [[] for _ in rows])
    outputs = served[name](**inputs, **tiny_shop.dense_request(*rows, width=width))
    return {output: values.numpy() for output, values in outputs.items()}


def recommended(served, row: dict, **options) -> list[str]:
    ids = ask(served, "recommend", row, **options)["item_ids"][0]
    return [item.decode() for item in ids if item]


def test_an_answer_is_as_wide_as_the_largest_k_and_each_row_as_long_as_its_own(served):
    answer = ask(served, "recommend", USUAL, USUAL, USUAL, k=[2, 5, 0])
    assert answer["item_ids"].shape == answer["scores"].shape == answer["reasons"].shape == (3, 5)
    assert (answer["item_ids"] != b"").sum(axis=1).tolist() == [2, 5, 0]
    assert answer["item_ids"][0, :2].tolist() == answer["item_ids"][1, :2].tolist()
    assert not answer["scores"][0, 2:].any()
    assert set(answer["reasons"][0, 2:]) == {b""}


def test_outputs_have_the_types_of_the_contract(served):
    assert {name: values.dtype for name, values in served["recommend"].structured_outputs.items()} == {
        "item_ids": tf.string,
        "scores": tf.float32,
        "reasons": tf.string,
    }
    assert (
        set(served["search"].structured_outputs)
        == set(served["similar"].structured_outputs)
        == {
            "item_ids",
            "scores",
        }
    )
    rank = served["rank"].structured_outputs
    assert {name: values.dtype for name, values in rank.items()} == dict.fromkeys(
        ("score", "purchase", "spend"), tf.float32
    )


def test_every_candidate_is_listed_once_if_more_are_wanted_than_there_are(served):
    row = shopper(bought(3, 8, 3, 0))
    items = recommended(served, row, k=1000)
    assert len(items) == len(set(items))
    assert {item_id(3), item_id(8), *POPULAR} <= set(items)
    assert 7 <= len(items) < NUM_CANDIDATES


def test_scores_descend(served):
    for name, query in (("recommend", {}), ("search", {"query": tf.constant(["blue plum"])})):
        answer = ask(served, name, USUAL, **query)
        scores = answer["scores"][0][answer["item_ids"][0] != b""]
        assert len(scores) > 3
        assert (np.diff(scores) <= 0).all()


def test_excluded_items_never_appear(served):
    everything = recommended(served, USUAL)
    excluded = [everything[0], item_id(8), item_id(0), "no-such-item"]
    left = recommended(served, USUAL, exclude=[excluded])
    assert not set(excluded) & set(left)
    assert set(everything) - set(excluded) <= set(left)
    found = ask(served, "search", USUAL, query=tf.constant(["red apple"]), exclude=[[item_id(0)]])
    assert item_id(0).encode() not in found["item_ids"]


def test_each_row_has_its_own_exclusions(served):
    answer = ask(served, "recommend", USUAL, USUAL, exclude=[[item_id(3)], [item_id(8), item_id(13)]])
    first, second = (set(row) for row in answer["item_ids"].tolist())
    assert item_id(3).encode() in second - first
    assert {item_id(8).encode(), item_id(13).encode()} <= first - second


def test_unavailable_items_never_appear(served):
    gone = item_id(tiny_shop.UNAVAILABLE)  # in the history, the most popular of all, and the best match of its title
    row = shopper(bought(tiny_shop.UNAVAILABLE, 4))
    assert gone not in recommended(served, row)
    query = tf.constant([tiny_shop.title(tiny_shop.UNAVAILABLE)])
    assert gone.encode() not in ask(served, "search", row, query=query)["item_ids"]
    similar = served["similar"](item_id=tf.constant([item_id(4)]), k=tf.constant([100]))
    assert gone.encode() not in similar["item_ids"].numpy()


@pytest.mark.parametrize(
    "row",
    [
        shopper(bought(3, 8), user_id="nobody"),
        shopper({"no-such-item": "purchase", item_id(3): "purchase"}),
        shopper({}),
        shopper({}, user_id="") | {"scene": [""], "context_store": [""], "context_temperature": [float("nan")]},
        shopper({item_id(3): "no-such-event"}),
    ],
    ids=["unknown shopper", "unknown item", "empty history", "nothing known", "unknown event"],
)
def test_whoever_asks_gets_a_full_list_of_finite_scores(served, row):
    answer = ask(served, "recommend", row, k=6)
    assert (answer["item_ids"] != b"").all()
    assert np.isfinite(answer["scores"]).all()


@pytest.mark.parametrize(
    "inputs", [{"item_id": ["item-00", "item-01"], "k": [1]}, {"item_id": ["item-00"], "k": [1, 2]}]
)
def test_inputs_of_different_numbers_of_rows_are_refused(served, inputs):
    with pytest.raises(tf.errors.InvalidArgumentError, match="one row for each request, but k and item_id differ"):
        served["similar"](item_id=tf.constant(inputs["item_id"]), k=tf.constant(inputs["k"]))


def test_exclusions_of_another_number_of_rows_are_refused(served):
    with pytest.raises(tf.errors.InvalidArgumentError, match="exclude_item_ids and context_store differ"):
        ask(served, "recommend", USUAL, USUAL, exclude=[["item-00"]])


def test_a_history_of_width_0_is_an_empty_history(served):
    narrow, padded = (ask(served, "recommend", shopper({}), width=width) for width in (0, 6))
    np.testing.assert_array_equal(narrow["item_ids"], padded["item_ids"][:, : narrow["item_ids"].shape[1]])


def test_a_batch_of_different_requests_equals_one_by_one(served):
    rows = [USUAL, shopper({}), shopper({item_id(5): "click"}, "nobody"), tiny_shop.request(7, 4)]
    exclude = [[], [item_id(1)], [item_id(5), item_id(0)], []]
    together = ask(served, "recommend", *rows, k=[5, 3, 100, 4], exclude=exclude)
    for place, row in enumerate(rows):
        alone = ask(served, "recommend", row, k=[5, 3, 100, 4][place], exclude=[exclude[place]])
        width = (alone["item_ids"] != b"").sum()
        assert (together["item_ids"][place] != b"").sum() == width > 0
        for name in ("item_ids", "reasons"):
            np.testing.assert_array_equal(together[name][place, :width], alone[name][0, :width])
        np.testing.assert_allclose(together["scores"][place, :width], alone["scores"][0, :width], rtol=1e-4)


def test_the_order_and_the_padding_of_a_history_do_not_matter(served):
    row = tiny_shop.request(3, 4)
    backwards = row | {name: row[name][::-1] for name in row if name.startswith("history")}
    plain, other = ask(served, "recommend", row), ask(served, "recommend", backwards, width=9)
    width = (plain["item_ids"] != b"").sum()
    np.testing.assert_array_equal(plain["item_ids"][:, :width], other["item_ids"][:, :width])
    np.testing.assert_allclose(plain["scores"][:, :width], other["scores"][:, :width], rtol=1e-4)


def test_events_beyond_the_length_that_training_saw_are_ignored(served):
    newest = bought(3, 8, 13, 18, 23, 28, 4, 9)
    everything = newest | bought(14, 19)
    assert len(newest) == 8
    plain, longer = (ask(served, "recommend", shopper(history), width=10) for history in (newest, everything))
    np.testing.assert_array_equal(plain["item_ids"], longer["item_ids"])


def test_events_of_other_kinds_are_ignored(served):
    wished = shopper(bought(3) | {item_id(20): "wish"})
    plain, other = ask(served, "recommend", shopper(bought(3))), ask(served, "recommend", wished)
    np.testing.assert_array_equal(plain["item_ids"], other["item_ids"])


def test_reasons_tell_where_an_item_comes_from(served):
    row = shopper({item_id(3): "purchase", item_id(8): "click", item_id(0): "purchase"})
    answer = ask(served, "recommend", row)
    reasons = {i.decode(): r.decode() for i, r in zip(answer["item_ids"][0], answer["reasons"][0], strict=True) if i}
    assert {item for item, reason in reasons.items() if reason == "bought_before"} == {item_id(3), item_id(0)}
    assert reasons[item_id(8)] == "for_you"  # clicked, not bought
    popular = {item for item, reason in reasons.items() if reason == "popular"}
    assert popular
    assert popular <= POPULAR
    assert sum(reason == "for_you" for reason in reasons.values()) >= 6 - 2  # what is retrieved, bought items aside


def test_similar_items_do_not_include_the_item_and_an_unknown_one_has_none(served):
    answer = served["similar"](item_id=tf.constant([item_id(7), "no-such-item"]), k=tf.constant([4, 4]))
    items = answer["item_ids"].numpy()
    assert items.shape == (2, 4)
    assert len(set(items[0])) == 4
    assert item_id(7).encode() not in items[0]
    assert b"" not in items[0]
    assert set(items[1]) == {b""}
    assert not answer["scores"].numpy()[1].any()


def test_search_finds_the_text(served):
    found = ask(served, "search", USUAL, query=tf.constant(["blue plum"]), k=3)["item_ids"][0]
    assert found[0] == item_id(2).encode()
    titles = [tiny_shop.title(int(item.decode().removeprefix("item-"))) for item in found[1:]]
    assert all("blue" in title or "plum" in title for title in titles)


def rank(served, row: dict, candidates: list[str]) -> dict[str, np.ndarray]:
    outputs = served["rank"](candidate_item_ids=tf.constant([candidates]), **tiny_shop.dense_request(row))
    return {name: values.numpy() for name, values in outputs.items()}


def test_rank_keeps_the_order_of_candidates_unknown_ones_included(served):
    candidates = [item_id(3), "no-such-item", item_id(20), item_id(tiny_shop.UNAVAILABLE)]
    forwards, backwards = rank(served, USUAL, candidates), rank(served, USUAL, candidates[::-1])
    for name, values in forwards.items():
        assert values.shape == (1, 4)
        assert np.isfinite(values).all()
        np.testing.assert_allclose(backwards[name][:, ::-1], values, rtol=1e-4, err_msg=name)
    assert len(set(forwards["score"][0].tolist())) == 4


def test_rank_gives_probabilities_and_scores_as_recommend_does(served):
    answer = ask(served, "recommend", USUAL)
    width = (answer["item_ids"] != b"").sum()
    ranked = rank(served, USUAL, [item.decode() for item in answer["item_ids"][0, :width]])
    np.testing.assert_allclose(ranked["score"][0], answer["scores"][0, :width], rtol=1e-4)
    np.testing.assert_allclose(ranked["score"], ranked["purchase"] + 0.01 * ranked["spend"], rtol=1e-4)
    assert ((ranked["purchase"] > 0) & (ranked["purchase"] < 1)).all()


def test_the_model_has_learnt_what_a_shopper_takes(served):
    ranked = rank(served, USUAL, [item_id(item) for item in (*range(3, 30, 5), *range(1, 30, 5))])
    assert ranked["purchase"][0, :6].mean() > ranked["purchase"][0, 6:].mean()


def test_the_candidates_of_a_request_example_get_what_rank_predicts_whatever_became_of_them(served):
    rows = [tiny_shop.request(3, 1), tiny_shop.request(4, 2) | {"candidate_item_ids": [item_id(2), "no-such-item"]}]
    ranked = served["rank_examples"](examples=tf.constant([tiny_shop.encode(row) for row in rows]))
    for place, row in enumerate(rows):
        asked = row["candidate_item_ids"]
        expected = rank(served, row, asked)
        assert set(ranked) == set(expected) == {"score", "purchase", "spend"}
        for name, values in expected.items():
            np.testing.assert_allclose(ranked[name][place, : len(asked)], values[0], rtol=1e-4)

    answers = [name for name in rows[0] if name.startswith("candidate_") and name != "candidate_item_ids"]
    assert {"candidate_purchase", "candidate_spend", "candidate_sampling_log_odds"} < set(answers)
    silent = {name: values for name, values in rows[0].items() if name not in (*answers, "label_item_ids")}
    alone = served["rank_examples"](examples=tf.constant([tiny_shop.encode(silent)]))
    count = len(rows[0]["candidate_item_ids"])
    for name, values in alone.items():
        np.testing.assert_allclose(values[0], ranked[name][0, :count], rtol=1e-4)
    nothing = served["rank_examples"](examples=tf.constant([tf.train.Example().SerializeToString()]))
    assert nothing["purchase"].shape == (1, 0)


def test_items_are_embedded_as_they_are_searched_and_unknown_ones_alike(served, saved_model):
    variables = tf.train.load_checkpoint(f"{saved_model}/variables/variables")
    ids, embeddings = (
        variables.get_tensor(f"_funnel/items/{name}/.ATTRIBUTES/VARIABLE_VALUE")
        for name in ("ids", "index/_embeddings")
    )
    row_of = {item: row for row, item in enumerate(ids.tolist())}
    asked = [item_id(3), "no-such-item", item_id(0)]
    vectors = served["embed_items"](item_id=tf.constant(asked))["embedding"].numpy()
    rows = [row_of[asked[0].encode()], 0, row_of[asked[2].encode()]]
    np.testing.assert_array_equal(vectors, embeddings[rows])
    assert not np.allclose(vectors[0], vectors[2])


def test_a_serialized_example_gets_the_answer_of_the_same_request_in_tensors(served):
    rows = [tiny_shop.request(3, 4), tiny_shop.odd_request(), tiny_shop.request(10, 4)]
    by_example = served["serving_default"](examples=tf.constant([tiny_shop.encode(row) for row in rows]))
    by_tensors = ask(served, "recommend", *rows, k=by_example["item_ids"].shape[1])
    width = by_example["item_ids"].shape[1]
    for name in ("item_ids", "reasons"):
        np.testing.assert_array_equal(by_tensors[name][:, :width], by_example[name])
    np.testing.assert_allclose(by_tensors["scores"][:, :width], by_example["scores"], rtol=1e-4)


def test_an_example_without_any_feature_is_a_request_of_which_nothing_is_known(served):
    answer = served["serving_default"](examples=tf.constant([tf.train.Example().SerializeToString()]))
    assert (answer["item_ids"].numpy() != b"").any()
    assert np.isfinite(answer["scores"]).all()


def test_profiles_looked_up_equal_those_joined_to_the_requests(shop):
    names = ["user_age", "user_club", "user_income"]
    profiles = ServedProfiles(dataset.profiles(shop.files("users"), shop.graph, shop.settings))
    files = shop.files("train") + shop.files("eval")
    for batch in dataset.requests(files, shop.graph, ["user_id", *names], 64, shuffle_seed=None):
        looked_up = profiles(batch["user_id"])
        for name in names:
            np.testing.assert_array_equal(looked_up[name], batch[name], err_msg=name)
