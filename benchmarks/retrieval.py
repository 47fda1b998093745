"""Retrieval inside the graph beside exact search and ScaNN: recall, latency, throughput, memory, time to build.

    python -m benchmarks.retrieval [--items 1000000]

The vectors are synthetic. Clustered ones stand for a catalogue: departments that hold categories of very different
sizes, with variance that falls from dimension to dimension; queries are drawn as the items are. Isotropic ones have no
structure for any partition to find. All methods answer the same queries on two threads, in turn, so that other load on
the machine meets all of them. ScaNN is built for another TensorFlow, so it runs in an environment and a process of its
own, made here under .cache; its memory is what the process grew by.
"""

import argparse
import contextlib
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from benchmarks.retrieval_methods import THREADS, InGraph, K, Method, Scann, ScannMissing, ScannProcess
from models.retrieval import ExactIndex, PartitionedIndex, default_partitions
from models.retrieval_partitions import partition

_DIM = 64
_QUERIES = 1024
_WIDTH = 130
_JUDGED = 256  # queries that recall is measured on
_ROUNDS = 5
_CALLS = {1: 60, 32: 4}  # timed calls in a round by batch size
_SCANNED = {"clustered": [4096, 8192, 16384], "isotropic": [8192, 65536]}
_LEAVES_SEARCHED = {"clustered": [10, 20, 40], "isotropic": [20, 160, 640]}
_CROSSOVER_ITEMS = [25_000, 50_000, 100_000, 200_000, 400_000]


def clustered(size: int, seed: int) -> np.ndarray:
    """Unit vectors in 2,000 categories of 40 departments: float32 [size, 64]."""
    generator = np.random.default_rng(seed)
    scale = (np.arange(1, _DIM + 1) ** -0.5).astype(np.float32)
    departments, categories, spread = (
        generator.standard_normal((count, _DIM), np.float32) * scale for count in (40, 2000, size)
    )
    categories = departments[generator.integers(len(departments), size=len(categories))] + 0.8 * categories
    weights = generator.lognormal(sigma=1.5, size=len(categories))
    return _unit(categories[generator.choice(len(categories), size, p=weights / weights.sum())] + 0.6 * spread)


def isotropic(size: int, seed: int) -> np.ndarray:
    """Unit vectors of any direction: float32 [size, 64]."""
    return _unit(np.random.default_rng(seed).standard_normal((size, _DIM), np.float32))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def in_graph_methods(vectors: np.ndarray, queries: np.ndarray, scanned: list[int]) -> list[InGraph]:
    """Exact search, and the partitioned index for each number of scanned items."""
    offered = np.ones(len(vectors), bool)
    groups, grouping = _timed(partition, vectors, default_partitions(len(vectors)), seed=0)
    exact, seconds = _timed(ExactIndex, vectors, offered)
    methods = [InGraph("exact", exact, queries, seconds)]
    for some in scanned:
        index, seconds = _timed(PartitionedIndex, vectors, offered, groups, some)
        methods.append(InGraph(f"partitioned, {some:,} scanned", index, queries, grouping + seconds))
    return methods


def _timed(build: Callable, *args, **kwargs):
    """What `build` returns, and the seconds it took."""
    started = time.perf_counter()
    built = build(*args, **kwargs)
    return built, time.perf_counter() - started


def measure(methods: list[Method]) -> dict[str, dict[int, np.ndarray]]:
    """Milliseconds of all calls by method and batch size; the methods take turns."""
    taken = {method.name: {batch: [] for batch in _CALLS} for method in methods}
    for batch, calls in _CALLS.items():
        for method in methods:
            method.milliseconds(0, 2, batch)  # the first calls trace and fill caches
        for turn in range(_ROUNDS):
            for method in methods:
                taken[method.name][batch] += method.milliseconds(turn * calls * batch, calls, batch)
    return {name: {batch: np.array(values) for batch, values in found.items()} for name, found in taken.items()}


def recall(found: np.ndarray, expected: np.ndarray) -> float:
    """Mean share of the expected items that were found."""
    return float(np.mean([np.intersect1d(*rows).size / K for rows in zip(found, expected, strict=True)]))


def compare(kind: str, vectors: np.ndarray, queries: np.ndarray, console: Console) -> None:
    """Prints the table of all methods."""
    methods = in_graph_methods(vectors, queries, _SCANNED[kind])
    with contextlib.ExitStack() as until_measured:
        try:
            process = until_measured.enter_context(ScannProcess(vectors, queries))
            methods += [Scann(process, leaves) for leaves in _LEAVES_SEARCHED[kind]]
        except ScannMissing as reason:
            console.print(f"ScaNN is left out: {reason}")
        console.print(comparison(f"{len(vectors):,} synthetic {kind} vectors of {_DIM} dimensions", methods))


def comparison(title: str, methods: list[Method]) -> Table:
    """Every method measured; the first one is exact, and the yardstick of the others."""
    taken = measure(methods)
    expected = methods[0].items(_JUDGED)
    exact = {batch: np.median(values) for batch, values in taken[methods[0].name].items()}
    table = Table(
        "method", f"recall@{K}", "p50 ms", "p99 ms", "times exact", "queries/s at 32", "times exact", "MiB", "build s",
        title=title,
    )  # fmt: skip
    for method in methods:
        single, batched = taken[method.name][1], taken[method.name][32]
        table.add_row(
            method.name,
            f"{recall(method.items(_JUDGED), expected):.3f}",
            f"{np.median(single):.2f}",
            f"{np.percentile(single, 99):.2f}",
            f"{exact[1] / np.median(single):.1f}",
            f"{32e3 / np.median(batched):,.0f}",
            f"{exact[32] / np.median(batched):.1f}",
            f"{method.bytes / 2**20:,.0f}",
            f"{method.build_seconds:.1f}",
        )
    return table


def crossover(sizes: list[int], scanned: int) -> Table:
    """Exact against partitioned search of clustered vectors as the catalogue grows."""
    title = f"Synthetic clustered vectors, {scanned:,} scanned"
    table = Table("items", "exact p50 ms", "partitioned p50 ms", f"recall@{K}", title=title)
    for size in sizes:
        vectors = clustered(size + _QUERIES, seed=0)
        exact, partitioned = in_graph_methods(vectors[:size], vectors[size:], [scanned])
        taken = measure([exact, partitioned])
        table.add_row(
            f"{size:,}",
            *(f"{np.median(taken[method.name][1]):.2f}" for method in (exact, partitioned)),
            f"{recall(partitioned.items(_JUDGED), exact.items(_JUDGED)):.3f}",
        )
    return table


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--items", type=int, default=1_000_000, help="vectors to search (default: %(default)s)")
    size = parser.parse_args().items
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    console = Console(width=_WIDTH)
    for kind, make in (("clustered", clustered), ("isotropic", isotropic)):
        vectors = make(size + _QUERIES, seed=0)
        compare(kind, vectors[:size], vectors[size:], console)
    console.print(crossover(_CROSSOVER_ITEMS, _SCANNED["clustered"][1]))


if __name__ == "__main__":
    main()
