"""Search by inner product: exact and partitioned, and what both do about exclusions, padding and export."""

import numpy as np
import pytest
import tensorflow as tf

from models import retrieval
from models.retrieval import ExactIndex, Index, PartitionedIndex
from models.retrieval_partitions import Partitions, partition

SIZE, DIM, CLUSTERS = 5000, 16, 50
NEVER = float("-inf")


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def embeddings() -> np.ndarray:
    generator = np.random.default_rng(7)
    centres = generator.standard_normal((CLUSTERS, DIM))
    return unit(centres[np.arange(SIZE) % CLUSTERS] + 0.5 * generator.standard_normal((SIZE, DIM)))


@pytest.fixture(scope="module")
def queries(embeddings) -> np.ndarray:
    return unit(embeddings[:64] + 0.1 * np.random.default_rng(8).standard_normal((64, DIM)))


@pytest.fixture(scope="module")
def offered() -> np.ndarray:
    """Two of three items."""
    return np.arange(SIZE) % 3 > 0


def partitioned(embeddings: np.ndarray, offered: np.ndarray, scanned: int, seed: int = 0) -> PartitionedIndex:
    return PartitionedIndex.build(embeddings, offered, partitions=100, scanned=scanned, seed=seed)


@pytest.fixture(scope="module")
def indexes(embeddings, offered) -> dict[str, Index]:
    return {"exact": ExactIndex(embeddings, offered), "partitioned": partitioned(embeddings, offered, SIZE)}


@pytest.fixture(scope="module", params=["exact", "partitioned"])
def index(request, indexes) -> Index:
    """Either index; the partitioned one scans everything."""
    return indexes[request.param]


def best_by_numpy(queries: np.ndarray, embeddings: np.ndarray, allowed: np.ndarray, k: int) -> np.ndarray:
    scores = np.where(allowed, queries @ embeddings.T, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def test_both_indexes_find_what_sorting_all_inner_products_finds(index, embeddings, queries, offered):
    scores, items = index.search(queries, 20)
    expected = best_by_numpy(queries, embeddings, offered, 20)
    assert items.dtype == tf.int64
    np.testing.assert_array_equal(items, expected)
    np.testing.assert_allclose(scores, np.take_along_axis(queries @ embeddings.T, expected, axis=1), atol=1e-6)


def test_excluded_items_make_room_for_the_next_best(index, embeddings, queries, offered):
    first = best_by_numpy(queries, embeddings, offered, 30)
    excluded = first[:, [4, 0, 4, 19, 2]]  # unordered, with a repeat
    excluded[:, 3] = 0  # as an unknown id's position; item 0 is not offered
    scores, items = index.search(queries, 20, excluded)
    expected = np.delete(first, [0, 2, 4], axis=1)[:, :20]
    np.testing.assert_array_equal(items, expected)
    assert np.all(np.diff(scores, axis=1) <= 0)


def test_each_query_has_exclusions_of_its_own(index, embeddings, queries, offered):
    first = best_by_numpy(queries, embeddings, offered, 2)
    same = np.repeat(queries[:1], 2, axis=0)
    _, items = index.search(same, 1, np.array([[first[0, 0]], [first[0, 1]]]))
    assert items.numpy().tolist() == [[first[0, 1]], [first[0, 0]]]


@pytest.mark.parametrize("build", [ExactIndex, lambda *args: partitioned(*args, scanned=SIZE)])
def test_rows_that_run_short_end_in_item_zero_with_minus_infinity(build):
    embeddings = unit(np.array([[1, 0], [0, 1], [1, 1], [-1, 0]]))
    index = build(embeddings, np.array([False, True, True, True]))
    scores, items = index.search(embeddings[2:3], 5, np.array([[1]]))
    assert items.numpy().tolist() == [[2, 3, 0, 0, 0]]
    np.testing.assert_allclose(scores, [[1.0, -(0.5**0.5), NEVER, NEVER, NEVER]], rtol=1e-6)


def test_more_wanted_than_scanned_ends_in_padding(embeddings, queries, offered):
    scores, items = partitioned(embeddings, offered, scanned=150).search(queries, 200)
    assert np.all(scores[:, :150] > NEVER)
    assert np.all(scores[:, 150:] == NEVER)
    assert np.all(items[:, 150:] == 0)


def test_scanning_an_eighth_of_clustered_items_finds_nearly_all_of_the_best(embeddings, queries):
    everything = np.ones(SIZE, bool)
    _, items = partitioned(embeddings, everything, scanned=SIZE // 8).search(queries, 50)
    expected = best_by_numpy(queries, embeddings, everything, 50)
    recall = np.mean([len(np.intersect1d(*rows)) / 50 for rows in zip(items.numpy(), expected, strict=True)])
    assert recall >= 0.9


def test_every_offered_item_is_found_by_its_own_embedding(embeddings, offered):
    scores, items = partitioned(embeddings, offered, scanned=100).search(embeddings[offered], 1)
    np.testing.assert_array_equal(items[:, 0], np.flatnonzero(offered))
    np.testing.assert_allclose(scores, 1.0, atol=1e-5)


def test_items_out_of_reach_of_the_scan_are_not_scored():
    """The query stands by the three items of the first axis; the scan of three never leaves them."""
    embeddings = unit(np.array([[1, 0], [9, 1], [9, -1], [0, 1], [1, 9], [-1, 9]]))
    groups = Partitions(np.eye(2, dtype=np.float32), np.array([3, 3], np.int32), np.arange(6))
    scores, items = PartitionedIndex(embeddings, np.ones(6, bool), groups, scanned=3).search(embeddings[:1], 4)
    assert set(items.numpy()[0, :3]) == {0, 1, 2}
    assert scores.numpy()[0, 3] == NEVER


def test_a_scan_goes_on_into_the_next_nearest_partition():
    """Of partitions with 1, 2 and 3 items, the scan of four takes the nearest, the next, and one of the last."""
    embeddings = unit(np.array([[9, 1], [1, 1], [1, 2], [-1, 9], [-2, 9], [-3, 9]]))
    centroids = unit(np.array([[1, 0], [1, 1], [0, 1]]))
    groups = Partitions(centroids, np.array([1, 2, 3], np.int32), np.arange(6))
    _, items = PartitionedIndex(embeddings, np.ones(6, bool), groups, scanned=4).search(embeddings[:1], 6)
    assert items.numpy().tolist() == [[0, 1, 2, 3, 0, 0]]


def test_embeddings_come_back_in_the_catalogue_s_order(index, embeddings):
    items = np.array([[0, 1, 2], [4999, 0, 3]])  # 0, 3 and 4998 are not offered
    np.testing.assert_array_equal(index.embed(items), embeddings[items])


def test_a_table_that_is_searched_whole_is_not_gathered_from_as_a_variable(embeddings, offered):
    # After one ResourceGather of a variable, each plain read of it copies the whole table.
    embed = tf.function(ExactIndex(embeddings, offered).embed)
    graph = embed.get_concrete_function(tf.TensorSpec([None], tf.int64)).graph
    assert "ResourceGather" not in {operation.type for operation in graph.get_operations()}


def test_the_same_seed_gives_the_same_index(embeddings, offered):
    first, again, other = (partitioned(embeddings, offered, 500, seed).variables for seed in (3, 3, 4))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[0], other[0])


def test_equal_scores_come_in_the_same_order_each_time(offered):
    same = np.full((SIZE, DIM), DIM**-0.5, np.float32)
    index = partitioned(same, offered, scanned=300)
    answers = [index.search(same[:3], 300)[1].numpy() for _ in range(3)]
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])
    assert all(len(np.unique(row)) == 300 for row in answers[0])
    assert np.all(offered[answers[0]])


def test_exact_search_lists_equal_scores_by_item():
    same = np.ones((9, 1), np.float32)
    assert ExactIndex(same, np.ones(9, bool)).search(same[:1], 4)[1].numpy().tolist() == [[0, 1, 2, 3]]


def test_partitions_hold_each_row_once_and_none_is_empty():
    """Four distinct directions cannot fill forty partitions."""
    vectors = np.tile(np.concatenate([np.eye(2), -np.eye(2)]), (25, 1)).astype(np.float32)
    groups = partition(vectors, 40, seed=0)
    assert np.all(groups.sizes > 0)
    assert len(groups.centroids) == len(groups.sizes) <= 4
    assert sorted(groups.rows) == list(range(100))
    bounds = np.cumsum(groups.sizes)[:-1]
    for centroid, rows in zip(groups.centroids, np.split(groups.rows, bounds), strict=True):
        np.testing.assert_allclose(vectors[rows] @ centroid, 1.0, atol=1e-5)


def test_more_partitions_than_items_are_no_mistake():
    embeddings = unit(np.random.default_rng(0).standard_normal((7, 3)))
    _, items = partitioned(embeddings, np.ones(7, bool), scanned=7).search(embeddings, 1)
    assert items.numpy().ravel().tolist() == list(range(7))


@pytest.mark.parametrize(("offered", "partitions", "scanned"), [([0, 0], 1, 1), ([1, 0], 0, 1), ([1, 0], 1, 0)])
def test_an_index_that_can_find_nothing_is_refused(offered, partitions, scanned):
    with pytest.raises(ValueError, match="at least 1"):
        PartitionedIndex.build(
            np.eye(2, dtype=np.float32), np.array(offered, bool), partitions=partitions, scanned=scanned, seed=0
        )


@pytest.mark.parametrize(("above", "scanned", "kind"), [(3332, 9, PartitionedIndex), (3333, 9, ExactIndex)])
def test_the_number_of_offered_items_decides_on_the_index(embeddings, offered, above, scanned, kind):
    """3,333 of the 5,000 items are offered."""
    assert type(retrieval.build_index(embeddings, offered, approximate_above=above, scanned=scanned, seed=0)) is kind


def test_a_scan_of_the_whole_catalogue_is_exact_search(embeddings, offered):
    assert isinstance(retrieval.build_index(embeddings, offered, approximate_above=0, scanned=3333, seed=0), ExactIndex)


class Served(tf.Module):
    """An index behind a signature."""

    def __init__(self, index: Index):
        super().__init__()
        self.index = index

    @tf.function(
        input_signature=[tf.TensorSpec([None, DIM], name="query"), tf.TensorSpec([None, None], tf.int64, "excluded")]
    )
    def search(self, query, excluded):
        scores, items = self.index.search(query, 20, excluded)
        return {"scores": scores, "items": items}


@pytest.mark.parametrize("width", [0, 3])
def test_a_saved_index_answers_as_before(embeddings, queries, offered, tmp_path, width):
    index = partitioned(embeddings, offered, scanned=700)
    excluded = best_by_numpy(queries, embeddings, offered, width)
    served = Served(index)
    tf.saved_model.save(served, str(tmp_path), signatures=served.search)
    answer = tf.saved_model.load(str(tmp_path)).signatures["serving_default"](
        query=tf.constant(queries), excluded=tf.constant(excluded, tf.int64)
    )
    scores, items = index.search(queries, 20, excluded)
    assert answer["items"].shape == (64, 20)
    np.testing.assert_array_equal(answer["items"], items)
    np.testing.assert_allclose(answer["scores"], scores, atol=1e-6)


def test_the_graph_holds_operations_of_tensorflow_core_alone(index):
    served = Served(index)
    graph = served.search.get_concrete_function().graph.as_graph_def()
    operations = {node.op for node in graph.node} | {n.op for f in graph.library.function for n in f.node_def}
    core = {name.removesuffix(".proto") for name in dir(tf.raw_ops)}
    assert operations <= core
    assert not operations & {"PyFunc", "EagerPyFunc", "PyFuncStateless"}
