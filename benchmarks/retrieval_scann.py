"""ScaNN's side of `benchmarks.retrieval`: a process in an environment of its own, which holds numpy and scann alone.

    python retrieval_scann.py VECTORS.npy QUERIES.npy LEAVES THREADS

Builds the index, says on a line of JSON what that took, and then answers each line of JSON on its standard input with
one on its standard output:

    {"do": "items", "leaves": 20, "k": 100, "count": 256}               the items found for the first queries
    {"do": "time", "leaves": 20, "k": 100, "first": 0, "count": 40, "batch": 1}   the milliseconds of each call
"""

import json
import pathlib
import re
import sys
import time

import numpy as np
import scann

_REORDERED = 1000  # candidates whose inner products are computed again from the floats; 400 lose recall
_DIMENSIONS_A_CODE = 2
_ANISOTROPY = 0.2  # both as ScaNN's own tutorial sets them


def resident_bytes() -> int:
    """Memory of this process now."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def build(vectors: np.ndarray, leaves: int, threads: int):
    """The tree with anisotropic codes of Guo et al. (2020), as the library's tutorial builds it."""
    builder = scann.scann_ops_pybind.builder(vectors, 100, "dot_product").set_n_training_threads(threads)
    builder = builder.tree(leaves, num_leaves_to_search=20, training_sample_size=min(len(vectors), 250_000))
    builder = builder.score_ah(_DIMENSIONS_A_CODE, anisotropic_quantization_threshold=_ANISOTROPY)
    searcher = builder.reorder(_REORDERED).build()
    searcher.set_num_threads(threads)
    return searcher


def timed(searcher, queries: np.ndarray, request: dict) -> list[float]:
    """Milliseconds of each call with the request's batch size."""
    milliseconds = []
    for call in range(request["count"]):
        rows = np.arange(request["batch"]) + request["first"] + call * request["batch"]
        batch = queries[rows % len(queries)]
        started = time.perf_counter()
        if request["batch"] == 1:
            searcher.search(batch[0], request["k"], leaves_to_search=request["leaves"])
        else:
            searcher.search_batched_parallel(batch, request["k"], leaves_to_search=request["leaves"], batch_size=16)
        milliseconds.append((time.perf_counter() - started) * 1e3)
    return milliseconds


def main() -> None:
    """Builds, then answers until its input ends."""
    vectors_file, queries_file, leaves, threads = sys.argv[1:]
    queries = np.load(queries_file)
    before = resident_bytes()
    vectors = np.load(vectors_file)
    started = time.perf_counter()
    searcher = build(vectors, int(leaves), int(threads))
    seconds = time.perf_counter() - started
    del vectors
    ready = {"seconds": seconds, "bytes": resident_bytes() - before}
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "items":
            found, _ = searcher.search_batched(
                queries[: request["count"]], request["k"], leaves_to_search=request["leaves"]
            )
            print(json.dumps(found.tolist()), flush=True)
        else:
            print(json.dumps(timed(searcher, queries, request)), flush=True)


if __name__ == "__main__":
    main()
