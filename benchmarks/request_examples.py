"""The join of RequestExamples, beside the same work without Beam.

    python -m benchmarks.request_examples [complete_journey_sample]

Both sides start from the tables that TableGen has ingested and leave the same gzipped TFRecords. One is the component's
own executor with the Beam runner of a local run, in one process. The other reads each table at once, calls the same
vectorised functions with all shoppers as one shard, and writes with TensorFlow: what Beam adds to it, in seconds and
memory, is the price of running on any number of machines. Each side runs in a process of its own, whose peak includes
the libraries it imports; their import is not timed.
"""

import argparse
import dataclasses
import glob
import json
import multiprocessing
import pathlib
import resource
import tempfile
import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from components.request_examples.settings import Settings
from pipeline import config as configs
from pipeline.beam import LOCAL_BEAM_ARGS

TABLES = ("events", "items", "users")


@dataclasses.dataclass(frozen=True)
class Measured:
    """One side: seconds of wall clock, peak memory of the process in bytes, examples by split."""

    seconds: float
    peak: int
    examples: dict[str, int]


def ingest(config: configs.Config, folder: str) -> dict[str, str]:
    """Prepares the public data and ingests it with TableGen; returns where the artifact of each table lies."""
    from tfx.dsl.components.base import base_beam_executor
    from tfx.types import standard_artifacts

    from components.table_gen.component import table_gen
    from pipeline.data import sources

    sources.prepare(config)
    context = base_beam_executor.BaseBeamExecutor.Context(list(LOCAL_BEAM_ARGS), tmp_dir=f"{folder}/tmp", unique_id="0")
    uris = {name: f"{folder}/{name}" for name in TABLES}
    for name, uri in uris.items():
        node, artifact = table_gen(name, config), standard_artifacts.Examples()
        artifact.uri = uri
        node.executor_spec.executor_class(context).Do({}, {"examples": [artifact]}, node.exec_properties)
    return uris


def with_beam(
    uris: dict[str, str], settings: Settings, output: str, beam_args: Sequence[str] = LOCAL_BEAM_ARGS
) -> tuple[float, dict[str, int]]:
    """Runs the component's executor; returns its seconds and the examples by split."""
    from tfx.dsl.components.base import base_beam_executor
    from tfx.types import standard_artifacts

    from components.request_examples.executor import Executor

    inputs = {name: [standard_artifacts.Examples()] for name in TABLES}
    for name, (artifact,) in inputs.items():
        artifact.uri = uris[name]
    examples, schema = standard_artifacts.Examples(), standard_artifacts.Schema()
    examples.uri, schema.uri = f"{output}/examples", f"{output}/schema"
    context = base_beam_executor.BaseBeamExecutor.Context(list(beam_args), tmp_dir=f"{output}/tmp", unique_id="0")
    start = time.perf_counter()
    outputs = {"examples": [examples], "schema": [schema]}
    Executor(context).Do(inputs, outputs, {"settings": settings.model_dump_json()})
    seconds = time.perf_counter() - start
    summary = json.loads(pathlib.Path(examples.uri, "summary.json").read_text())
    return seconds, {name.removeprefix("examples_"): n for name, n in summary.items() if name.startswith("examples_")}


def without_beam(uris: dict[str, str], settings: Settings, output: str) -> tuple[float, dict[str, int]]:
    """Does the same in one go; returns its seconds and the examples by split."""
    import collections
    import contextlib

    import pyarrow.parquet as pq
    import tensorflow as tf

    from components.request_examples import assemble, tables
    from components.request_examples.encode import Encoder
    from components.table_gen.layout import flatten
    from components.table_gen.read import split_pattern
    from schemas import request_example

    start = time.perf_counter()
    events, items, users = (flatten(pq.read_table(glob.glob(split_pattern(uris[name])))) for name in TABLES)
    item_ids = tables.sorted_ids(items["item_id"].chunks)
    known, _ = tables.locate(events, item_ids)
    knowledge = tables.know(tables.count_days(known, settings), item_ids, settings)
    encoder = Encoder(request_example.schema(settings.features, settings.heads))
    counts: collections.Counter[str] = collections.Counter()
    with contextlib.ExitStack() as files:
        splits = [*request_example.REQUEST_SPLITS, request_example.CATALOG_SPLIT, request_example.USERS_SPLIT]
        writers = {split: files.enter_context(tf.io.TFRecordWriter(f"{output}/{split}.gz", "GZIP")) for split in splits}

        def write(split, examples) -> None:
            counts[split] += examples.num_rows
            for example in encoder.encode(examples):
                writers[split].write(example)

        for split, examples in assemble.request_examples(known, users, knowledge, settings):
            write(split, examples)
        write(request_example.CATALOG_SPLIT, tables.catalog(items, knowledge, settings))
        write(request_example.USERS_SPLIT, tables.profiles(users, settings))
    return time.perf_counter() - start, dict(counts)


SIDES: dict[str, Callable] = {"Beam": with_beam, "numpy": without_beam}


def _measure(side: str, uris: dict[str, str], settings: str) -> Measured:
    with tempfile.TemporaryDirectory() as output:
        seconds, examples = SIDES[side](uris, Settings.model_validate_json(settings), output)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
    return Measured(seconds, peak, examples)


def table(measured: dict[str, Measured]) -> Table:
    """A row a side: requests, seconds, their ratio to numpy's, peak memory."""
    shown = Table("", "requests", "seconds", "x numpy", "peak memory", title="From ingested tables to request examples")
    for side, run in measured.items():
        requests = sum(run.examples[split] for split in ("train", "validation", "eval"))
        ratio = run.seconds / measured["numpy"].seconds
        shown.add_row(side, f"{requests:,}", f"{run.seconds:.1f}", f"{ratio:.1f}", f"{run.peak / 2**20:,.0f} MiB")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", default="complete_journey", help="a configuration over public data")
    config = configs.load(parser.parse_args().config)
    # A fresh process a piece, so that memory which one leaves is not counted for the next.
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, spawn.Pool(1, maxtasksperchild=1) as pool:
        uris = pool.apply(ingest, (config, folder))
        settings = Settings.of(config).model_dump_json()
        measured = {side: pool.apply(_measure, (side, uris, settings)) for side in SIDES}
    if measured["Beam"].examples != measured["numpy"].examples:
        raise RuntimeError(f"the two sides made different examples: {measured}")
    Console().print(table(measured))


if __name__ == "__main__":
    main()
