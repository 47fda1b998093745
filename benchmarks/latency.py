"""Latency of every signature of the pushed model, beside the least that exact retrieval costs.

    python -m benchmarks.latency complete_journey [--profile]

Requests are those of randomly drawn shoppers with their own histories, as they stand at the end of the log. Each is
timed from the request's TensorProtos to the answer's, in a session as TensorFlow Serving runs it: all that a server
does but for the network. The floor is the same path around nothing but the product of a query with all item embeddings
and the top of it. Model and floor are measured in a process of their own, whose peak memory includes the libraries.
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import pathlib
import re
import resource
import tempfile
import time
from collections import Counter
from typing import NamedTuple

import numpy as np
import pyarrow.dataset as ds
import tensorflow as tf
from rich.console import Console
from rich.table import Table
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from benchmarks.item_tables import ItemTables
from benchmarks.quality import pushed, served
from benchmarks.quality.problem import Problem, items_by_user
from pipeline import config as configs
from pipeline.data import sources
from serving.servable import Servable

_CALLS = {1: 500, 8: 200, 32: 100}  # timed calls by batch size
_WARM_UP_CALLS = 50
_DISTINCT_REQUESTS = 50
_LIST_LENGTH = 10
_RANKED = 500  # candidates of `rank`
_PROFILED_CALLS = 100
_PROFILED_PARTS = 15
_LAYER_DEPTH = 2
_GOAL_MS = 10.0  # of the 99th percentile at batch size 1
_FLOOR = "the floor"

Request = dict[str, TensorProto]
Requests = dict[str, list[Request]]  # by signature


class Timed(NamedTuple):
    """Milliseconds of wall clock of each call, and of processor time a call, which other work hardly changes."""

    wall: np.ndarray
    processor: float


class Measured(NamedTuple):
    """The times by (signature, batch size), and what the measuring process saw beside them."""

    times: dict[tuple[str, int], Timed]
    candidates: float  # that `recommend` orders, on average
    peak: int  # memory of the process, in bytes


class Part(NamedTuple):
    """The operations of one kind in one part of a graph: how many run in a call, and their time together."""

    name: str
    kind: str
    count: float
    milliseconds: float


class _Retrieval(tf.Module):
    """The floor: exact nearest neighbours of a query, and nothing else."""

    def __init__(self, embeddings: np.ndarray, retrieved: int):
        super().__init__()
        self._embeddings = tf.Variable(embeddings, trainable=False)
        self._retrieved = min(retrieved, len(embeddings))

    @tf.function(input_signature=[tf.TensorSpec([None, None], name="query")])
    def nearest(self, query):
        best, found = tf.math.top_k(tf.matmul(query, self._embeddings, transpose_b=True), self._retrieved)
        return {"scores": best, "items": found}


def end_of_log(config: configs.Config) -> Problem:
    """What every shopper might be asked now, with the whole log behind them."""
    events, items = (
        ds.dataset(f"{config.data.root}/{table}", format="parquet").to_table().to_pandas()
        for table in ("events", "items")
    )
    events = events[events["event"].isin(config.requests.history_kinds)].sort_values("timestamp", kind="stable")
    return Problem(
        name=config.name,
        moment=int(events["timestamp"].max()) + 1,
        window_days=None,
        repeats=True,
        seed=config.training.seed,
        past=events,
        items=items,
        category="item_id",
        relevant=items_by_user(events),
        metrics=(),
    )


def draw_requests(config: configs.Config, log: Problem, embeddings: np.ndarray, batch: int) -> Requests:
    """Distinct requests of every signature and of the floor, each of `batch` shoppers."""
    draw = np.random.default_rng(config.training.seed)
    histories = served.histories_of(log, config)
    catalogue = log.items["item_id"].to_numpy()
    drawn = {"recommend": [], "search": [], "similar": [], "rank": [], _FLOOR: []}
    for _ in range(_DISTINCT_REQUESTS):
        users = draw.choice(log.queries, batch).tolist()
        asked = served.request_of(config, log, "all", users, histories)
        listed = {name: asked.pop(name) for name in ("exclude_item_ids", "k")}
        listed["k"] = np.full(batch, _LIST_LENGTH, np.int32)
        newest = np.array([histories[user]["item_id"].iloc[-1] for user in users], object)
        drawn["recommend"].append({**asked, **listed})
        drawn["search"].append({"query": np.full(batch, config.example_query, object), **asked, **listed})
        drawn["similar"].append({"item_id": newest, "k": listed["k"]})
        drawn["rank"].append({**asked, "candidate_item_ids": draw.choice(catalogue, [batch, _RANKED])})
        drawn[_FLOOR].append({"query": embeddings[draw.integers(len(embeddings), size=batch)]})
    return {name: [_protos(request) for request in requests] for name, requests in drawn.items()}


def _protos(inputs: dict[str, np.ndarray | tf.Tensor]) -> Request:
    return {name: tf.make_tensor_proto(value) for name, value in inputs.items()}


def measure(folder: pathlib.Path, floor: pathlib.Path, requests: dict[int, Requests]) -> Measured:
    """Times the model in `folder` and the floor; `requests` are by batch size."""
    model, retrieval = Servable(folder), Servable(floor)
    times = {}
    for batch, by_signature in requests.items():
        for name, asked in by_signature.items():
            servable, signature = (retrieval, "serving_default") if name == _FLOOR else (model, name)
            times[name, batch] = _time(servable, signature, asked, _CALLS[batch])
    everything = tf.make_tensor_proto([np.iinfo(np.int32).max], tf.int32)
    answers = [model.predict("recommend", request | {"k": everything}) for request in requests[1]["recommend"]]
    candidates = np.mean([sum(1 for item in answer["item_ids"].string_val if item) for answer in answers])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
    return Measured(times, float(candidates), peak)


def _time(servable: Servable, signature: str, requests: list[Request], calls: int) -> Timed:
    _call(servable, signature, requests, _WARM_UP_CALLS)
    started = time.process_time()
    wall = _call(servable, signature, requests, calls)
    return Timed(wall, 1_000 * (time.process_time() - started) / calls)


def _call(servable: Servable, signature: str, requests: list[Request], calls: int) -> np.ndarray:
    """Asks in turn; milliseconds of each call."""
    seconds = []
    for call in range(calls):
        started = time.perf_counter()
        servable.predict(signature, requests[call % len(requests)])
        seconds.append(time.perf_counter() - started)
    return 1_000 * np.array(seconds)


def profile(folder: pathlib.Path, signature: str, requests: list[Request]) -> list[Part]:
    """Where the time of a call goes, the most expensive first.

    Operations run side by side, so their times add up to more than a call takes.
    """
    model = Servable(folder)
    _call(model, signature, requests, _WARM_UP_CALLS)
    with tempfile.TemporaryDirectory() as logs:
        with tf.profiler.experimental.Profile(logs):
            _call(model, signature, requests, _PROFILED_CALLS)
        space = xplane_pb2.XSpace.FromString(next(pathlib.Path(logs).rglob("*.xplane.pb")).read_bytes())
    counts, picoseconds = Counter(), Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                if part := _part(plane.event_metadata[event.metadata_id].name):
                    counts[part] += 1
                    picoseconds[part] += event.duration_ps
    return [
        Part(*part, counts[part] / _PROFILED_CALLS, duration / 1e9 / _PROFILED_CALLS)
        for part, duration in picoseconds.most_common()
    ]


def _part(event: str) -> tuple[str, str] | None:
    """Layer and kind of an operation, of a name such as `StatefulPartitionedCall/ranker/cross/MatMul:MatMul`."""
    match = re.fullmatch(r"(?:StatefulPartitionedCall[^/:]*/)+([^:]+):(\w+)", event)
    if not match:
        return None
    layers = match[1].split("/")[:-1][:_LAYER_DEPTH]
    return "/".join(layers) or "the funnel itself", match[2]


def latencies(measured: Measured, title: str) -> Table:
    """A row a signature and batch size."""
    table = Table("signature", "batch", "mean ms", "p50", "p95", "p99", "processor", "times the floor", title=title)
    for (name, batch), (wall, processor) in measured.times.items():
        floor = np.median(measured.times[_FLOOR, batch].wall)
        shown = [f"{value:.2f}" for value in (wall.mean(), *np.percentile(wall, [50, 95, 99]), processor)]
        table.add_row(name, str(batch), *shown, f"{np.median(wall) / floor:.1f}", end_section=name == _FLOOR)
    return table


def parts_table(signature: str, parts: list[Part]) -> Table:
    """The most expensive parts of a signature."""
    total = sum(part.milliseconds for part in parts)
    table = Table("layer", "operation", "a call", "ms", "share", title=f"{signature}: {total:.2f} ms of work a call")
    for part in parts[:_PROFILED_PARTS]:
        share = f"{part.milliseconds / total:.0%}"
        table.add_row(part.name, part.kind, f"{part.count:.0f}", f"{part.milliseconds:.3f}", share)
    return table


def main() -> None:
    """Prints the tables.

    Raises:
        NoModel: nothing has been pushed.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", nargs="?", default="complete_journey")
    parser.add_argument("--profile", action="store_true", help="print which operations each signature spends time on")
    arguments = parser.parse_args()
    config = configs.load(arguments.config)
    sources.prepare(config)
    version = pushed.asked_for(config)
    embeddings = ItemTables(version.folder).embeddings
    log = end_of_log(config)
    requests = {batch: draw_requests(config, log, embeddings, batch) for batch in _CALLS}
    # A fresh process a measurement, so that memory and threads of what prepares it do not count.
    process = concurrent.futures.ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1
    )
    with tempfile.TemporaryDirectory() as floor, process:
        tf.saved_model.save(_Retrieval(embeddings, config.serving.retrieved), floor)
        measured = process.submit(measure, version.folder, pathlib.Path(floor), requests).result()
        size = sum(path.stat().st_size for path in version.folder.rglob("*") if path.is_file())
        title = (
            f"{config.name}, version {version.folder.name}: {len(embeddings) - 1:,} items, {measured.candidates:.0f} "
            f"candidates, {len(os.sched_getaffinity(0))} cores; {size / 2**20:,.0f} MiB on disk, peak memory "
            f"{measured.peak / 2**20:,.0f} MiB"
        )
        console = Console()
        console.print(latencies(measured, title))
        p99 = np.percentile(measured.times["recommend", 1].wall, 99)
        console.print(f"Goal: 99 of 100 single `recommend` calls below {_GOAL_MS:g} ms; measured {p99:.2f} ms.")
        if arguments.profile:
            for signature in requests[1].keys() - {_FLOOR}:
                parts = process.submit(profile, version.folder, signature, requests[1][signature]).result()
                console.print(parts_table(signature, parts))


if __name__ == "__main__":
    main()
