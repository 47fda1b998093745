"""The lists that the page shows and counts exposure over."""

import pathlib

import pytest
import tensorflow as tf

from pipeline.page import exposure, items, judged_lists
from pipeline.page.items import Items
from pipeline.page.judged_lists import JudgedList


class _Recommender(tf.Module):
    """Recommends to user `u<n>` the items `i<n>`, `milk` and nothing, for the reasons given."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(self, examples):
        user_id = tf.io.parse_example(examples, {"user_id": tf.io.FixedLenFeature([], tf.string)})["user_id"]
        own = tf.strings.join(["i", tf.strings.substr(user_id, 1, -1)])
        blank = tf.fill(tf.shape(own), "")
        return {
            "item_ids": tf.stack([own, tf.fill(tf.shape(own), "milk"), blank], 1),
            "scores": tf.tile([[0.75, 0.5, 0.0]], [tf.size(own), 1]),
            "reasons": tf.stack([tf.fill(tf.shape(own), "for_you"), tf.fill(tf.shape(own), "popular"), blank], 1),
        }


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("model")
    module = _Recommender()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return folder


def _write(folder: pathlib.Path, examples: list[dict]) -> pathlib.Path:
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / "examples.gz"), "GZIP") as writer:
        for columns in examples:
            example = tf.train.Example()
            for name, value in columns.items():
                feature = example.features.feature[name]
                if isinstance(value, int):
                    feature.int64_list.value.append(value)
                elif isinstance(value, float):
                    feature.float_list.value.append(value)
                else:
                    feature.bytes_list.SetInParent()  # what an item lacks is an empty list, as the join writes it
                    feature.bytes_list.value.extend(item.encode() for item in value)
            writer.write(example.SerializeToString())
    return folder


def _request(number: int) -> dict:
    return {
        "user_id": [f"u{number}"],
        "timestamp": 1000 + number,
        "past_item_ids": ["milk"],
        "label_item_ids": [f"i{number}", "bread"],
    }


def test_the_model_is_asked_as_it_was_judged(model, tmp_path):
    requests = _write(tmp_path / "eval", [_request(number) for number in range(40)])  # more than are asked at once
    lists = judged_lists.ask(model, requests, 2, at_most=40)
    assert len(lists) == 40
    assert lists[39] == JudgedList(
        user_id="u39",
        timestamp=1039,
        shown=[b"i39", b"milk"],
        scores=[0.75, 0.5],
        reasons=["for_you", "popular"],
        past=frozenset([b"milk"]),
        relevant=frozenset([b"i39", b"bread"]),
    )


def test_padding_is_no_item_and_lists_are_cut(model, tmp_path):
    requests = _write(tmp_path / "eval", [_request(0)])
    assert [judged_lists.ask(model, requests, length, 1)[0].shown for length in (1, 3)] == [[b"i0"], [b"i0", b"milk"]]


@pytest.mark.parametrize(("at_most", "asked"), [(10, [0, 1, 2, 3, 4, 5, 6]), (4, [0, 2, 4, 6]), (3, [0, 3, 6])])
def test_requests_are_taken_evenly_from_the_split(model, tmp_path, at_most, asked):
    requests = _write(tmp_path / "eval", [_request(number) for number in range(7)])
    lists = judged_lists.ask(model, requests, 1, at_most)
    assert [judged.user_id for judged in lists] == [f"u{number}" for number in asked]


def test_a_model_that_was_cleared_away_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the model that was judged is no longer at .*gone"):
        judged_lists.ask(tmp_path / "gone", tmp_path, 1, 1)


def _judged(user_id: str, past: int = 0, relevant=(b"b",), shown=(b"a", b"b")) -> JudgedList:
    past_items = frozenset(f"p{number}".encode() for number in range(past))
    return JudgedList(
        user_id, 0, list(shown), [0.5] * len(shown), ["bought_before"] * len(shown), past_items, frozenset(relevant)
    )


def test_examples_range_from_the_shortest_past_to_the_longest_and_have_an_answer():
    lists = [_judged(f"u{past}", past) for past in (5, 1, 9, 3, 7)] + [_judged("silent", 0, relevant=())]
    examples = judged_lists.example_lists(lists, Items({}, {}), 3)
    assert [(example.user_id, example.num_before) for example in examples] == [("u1", 1), ("u5", 5), ("u9", 9)]
    assert [len(judged_lists.example_lists(lists, Items({}, {}), most)) for most in (1, 5, 99)] == [1, 5, 5]
    assert judged_lists.example_lists([], Items({}, {}), 3) == []


def test_an_example_says_what_each_item_is_and_whether_the_shopper_took_it():
    judged = _judged("u", past=1, shown=(b"p0", b"b"))
    [example] = judged_lists.example_lists([judged], Items({b"b": "brown bread"}, {}), 1)
    first, second = example.items
    assert (first.item_id, first.text, first.taken_before, first.taken_after) == ("p0", "", True, False)
    assert (second.text, second.reason, second.taken_before, second.taken_after) == (
        "brown bread",
        "bought before",
        False,
        True,
    )


def test_items_are_read_with_their_words_and_by_popularity(tmp_path):
    catalogue = _write(
        tmp_path / "catalog",
        [
            {"item_id": ["a"], "item_title": ["Apple"], "item_kind": ["fruit"], "item_popularity": 2.0},
            {"item_id": ["b"], "item_title": ["Bread"], "item_popularity": 5.0},
            {"item_id": ["c"], "item_title": []},
        ],
    )
    found = items.read(catalogue, ["title", "kind"])
    assert [found.text(item) for item in (b"a", b"b", b"c", b"unknown")] == ["Apple, fruit", "Bread", "", ""]
    assert found.by_popularity == [b"b", b"a", b"c"]
    assert items.read(catalogue, []).text(b"a") == ""


def test_shares_of_shown_and_taken_items_are_counted_by_popularity_rank():
    catalogue = Items({}, {f"r{rank}".encode(): -float(rank) for rank in range(1, 112)})
    shown = (b"r1", b"r10", b"r11", b"gone")
    lists = [_judged("u", shown=shown, relevant=(b"r101",)), _judged("v", shown=(b"r2",), relevant=(b"r100", b"r111"))]
    found = exposure.by_popularity(lists, catalogue, 4)
    assert (found.num_requests, found.length) == (2, 4)
    assert [(group.first_rank, group.last_rank) for group in found.groups] == [(1, 10), (11, 100), (101, 111)]
    # Shown are ranks 1, 10, 11 and 2, `gone` counts nowhere; taken are 101, 100 and 111.
    assert [group.shown_share for group in found.groups] == [0.75, 0.25, 0.0]
    assert [group.taken_share for group in found.groups] == pytest.approx([0.0, 1 / 3, 2 / 3])


def test_a_small_catalogue_is_one_group_and_no_list_shows_nothing():
    [group] = exposure.by_popularity([], Items({}, {b"a": 1.0}), 10).groups
    assert (group.first_rank, group.last_rank, group.shown_share, group.taken_share) == (1, 1, 0.0, 0.0)


def test_the_values_of_a_feature_and_what_is_offered_are_read(tmp_path):
    rows = [{"item_id": ["a"], "item_brand": ["own"]}, {"item_id": ["b"], "item_brand": []}]
    found = items.read(_write(tmp_path / "catalog", rows), [], ["brand"])
    assert found.values == {"brand": {b"a": "own", b"b": ""}}
    assert found.offered == {b"a", b"b"}


def test_shares_by_value_are_of_what_is_shown_taken_and_offered():
    brands = {b"a": "own", b"b": "own", b"c": "x", b"d": ""}
    catalogue = Items({}, dict.fromkeys(brands, 1.0), {"brand": brands}, frozenset([b"a", b"c", b"d"]))
    lists = [
        _judged("u", shown=(b"a", b"b", b"gone"), relevant=(b"c",)),
        _judged("v", shown=(b"c",), relevant=(b"c", b"b")),
    ]
    found = exposure.of_lists(lists, catalogue, 3).features["brand"]
    # What most is taken of comes first; `gone` counts nowhere, and b is no longer on offer.
    assert [one.value for one in found] == ["x", "own", ""]
    assert [one.shown_share for one in found] == pytest.approx([1 / 3, 2 / 3, 0])
    assert [one.taken_share for one in found] == pytest.approx([2 / 3, 1 / 3, 0])
    assert [one.offered_share for one in found] == pytest.approx([1 / 3] * 3)
