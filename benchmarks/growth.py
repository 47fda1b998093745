"""How the join of RequestExamples grows with the data: once, 10 and 30 times a sample's households.

    python -m benchmarks.growth [complete_journey_sample] [--households 100] [--copies 1 10 30]
        [--engines direct flink-cluster]

The larger logs are synthetic: every household of the sample is copied with all its events under new ids, so that there
are more shoppers of the same kind, who buy the same items on the same days. The component's own executor joins them,
in the process (`direct`, which keeps all collections in its memory) and on a Flink cluster of two task managers
(`flink-cluster`, which spills them to the disk). Each run has processes of its own; the peak memory is that of each
process that does the work, its libraries included. The copying and the start of the cluster are not timed.
"""

import argparse
import contextlib
import dataclasses
import multiprocessing
import pathlib
import sys
import tempfile

from rich.console import Console
from rich.table import Table

from benchmarks.request_examples import ingest, with_beam
from components.request_examples.settings import Settings
from pipeline import config as configs
from tools.flink import jars as jars_lib
from tools.flink.engines import ENGINES

_COPIED = {"events": ("user_id", "session_id"), "users": ("user_id",)}  # columns of ids, by table
_BATCH_ROWS = 65_536


@dataclasses.dataclass(frozen=True)
class Measured:
    """One run: events read, requests written, seconds of wall clock, peak memory in bytes by process."""

    events: int
    requests: int
    seconds: float
    peaks: dict[str, int]


def copy(uris: dict[str, str], copies: int, folder: str) -> dict[str, str]:
    """Writes each ingested table with every household so many times; returns where.

    The ids of copy n end in `~n`, but for the first, which is the original.
    """
    copied = dict(uris)
    for table, ids in _COPIED.items():
        copied[table] = f"{folder}/{table}"
        _copy_table(uris[table], copied[table], ids, copies)
    return copied


def _copy_table(uri: str, to: str, ids: tuple[str, ...], copies: int) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from components.table_gen.layout import flatten, nest
    from components.table_gen.read import ALL

    split = pathlib.Path(to, f"Split-{ALL}")
    split.mkdir(parents=True)
    original = flatten(pa.concat_tables(map(pq.read_table, _files(uri))))
    for number in range(copies):
        table = original
        for name in ids if number else ():
            if name in table.column_names:
                place = table.column_names.index(name)
                renamed = pc.binary_join_element_wise(table[name], pa.scalar(f"{number}"), "~")
                table = table.set_column(place, name, renamed)
        pq.write_table(nest(table.combine_chunks()), split / f"rows-{number:05}.parquet", row_group_size=_BATCH_ROWS)


def _files(uri: str) -> list[pathlib.Path]:
    return sorted(pathlib.Path(uri).glob("Split-*/*.parquet"))


def measure(engine: str, jars: pathlib.Path, uris: dict[str, str], settings: str) -> Measured:
    """Joins the tables on an engine that is started for it."""
    import pyarrow.parquet as pq

    from pipeline.beam import beam_args

    events = sum(pq.read_metadata(file).num_rows for file in _files(uris["events"]))
    with tempfile.TemporaryDirectory() as folder:
        logs = pathlib.Path(folder, "engine")
        logs.mkdir()
        with ENGINES[engine](jars, logs) as running:
            args = beam_args(running.beam)
            seconds, examples = with_beam(uris, Settings.model_validate_json(settings), f"{folder}/output", args)
            processes = running.processes or {"the process": "self"}
            peaks = {name: _peak(process) for name, process in processes.items()}
    return Measured(events, sum(examples[split] for split in ("train", "validation", "eval")), seconds, peaks)


def _peak(process: int | str) -> int:
    """The largest memory that a process has had resident, in bytes."""
    status = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def shown(engine: str, runs: dict[int, Measured]) -> Table:
    """A row a size: how much, how long, how long an event takes beside the smallest size, peak memory a process."""
    first = next(iter(runs.values()))
    table = Table("copies", "events", "requests", "seconds", "us an event", *first.peaks, title=engine)
    for copies, run in runs.items():
        peaks = [f"{peak / 2**20:,.0f} MiB" for peak in run.peaks.values()]
        rate = f"{run.seconds / run.events * 1e6:.1f}"
        table.add_row(str(copies), f"{run.events:,}", f"{run.requests:,}", f"{run.seconds:.1f}", rate, *peaks)
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", default="complete_journey_sample", help="a configuration over public data")
    parser.add_argument("--households", type=int, default=100, help="how many of the public data's are copied")
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 10, 30])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=["direct", "flink-cluster"])
    options = parser.parse_args()
    try:
        jars = jars_lib.fetch()
    except jars_lib.MissingPrerequisite as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    console = Console(width=140)
    spawn = multiprocessing.get_context("spawn")
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        pool = stack.enter_context(spawn.Pool(1, maxtasksperchild=1))
        own = {"data.sample": options.households, "data.root": f"{folder}/tables"}
        config = configs.load(options.config, own)
        uris = pool.apply(ingest, (config, folder))
        settings = Settings.of(config).model_dump_json()
        runs: dict[str, dict[int, Measured]] = {engine: {} for engine in options.engines}
        for copies in options.copies:
            with tempfile.TemporaryDirectory() as larger:
                tables = pool.apply(copy, (uris, copies, larger))
                for engine in options.engines:
                    run = pool.apply(measure, (engine, jars, tables, settings))
                    runs[engine][copies] = run
                    console.print(f"{engine}, {copies} copies: {run.seconds:.0f} s", highlight=False)
    for engine, measured in runs.items():
        console.print(shown(engine, measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
