"""Writes a list for every shopper, by the newest pushed version."""

import contextlib
import logging
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from components.batch_inference import recommender
from components.batch_inference.graph import write_lists
from components.batch_inference.recommender import Recommender
from components.batch_inference.shoppers import Settings
from components.table_gen.contract import contract_of
from pipeline.beam import LOCAL_BEAM_ARGS
from pipeline.config import Config
from pipeline.run_record import NoRun
from pipeline.served import versions
from pipeline.shop import Shop

_SHOPPERS_PER_SHARD = 2000


class BatchFailed(RuntimeError):
    """Lists that could not be made or kept; the message says why. What was there before still is."""


class Lists(NamedTuple):
    """What was written: Parquet files in `folder`, with the columns of `recommender.SCHEMA`."""

    folder: pathlib.Path
    version: int
    num_shoppers: int
    num_rows: int


def run(config: Config, k: int, out: pathlib.Path, console: Console) -> Lists:
    """Writes the k best items for every shopper who has an event or a profile.

    A shopper's request is what the shop would send right after the newest event of its log. The folder is replaced as a
    whole once all lists are there.

    Args:
        config: whose model and shoppers.
        k: length of the lists.
        out: the folder to write; replaced if it holds lists.
        console: where to show how far it is.

    Raises:
        NoRun: no version has been pushed.
        NoTables: the tables are not where the configuration says.
        BatchFailed: the folder holds something else, or the model does not fit the configuration.
    """
    pushed = versions(config.destination)
    if not pushed:
        raise NoRun(f"nothing has been pushed to {config.destination} yet: `shelfwise run` comes first")
    _check_replaceable(out)
    aside = out.with_name(f".{out.name}.incoming")
    shop = Shop(config)
    num_shoppers = shop.num_shoppers()
    settings = Settings.of(config, shop.now(), k)
    model = os.path.join(config.destination, str(max(pushed)))
    shutil.rmtree(aside, ignore_errors=True)  # of a run that was killed
    try:
        pipeline = beam.Pipeline(options=PipelineOptions(list(LOCAL_BEAM_ARGS)))
        write_lists(
            pipeline,
            {name: [str(path) for path in shop.files(name)] for name in ("events", "users")},
            {name: contract_of(name, config) for name in ("events", "users")},
            Recommender(model, settings, config.serving.batch_sizes[-1]),
            settings,
            num_shards=1 + num_shoppers // _SHOPPERS_PER_SHARD,
            prefix=str(aside / "lists"),
        )
        with _shown(console, num_shoppers):
            _finish(pipeline)
        num_rows = sum(pq.read_metadata(file).num_rows for file in aside.glob("*.parquet"))
        _replace(out, aside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Lists(out, max(pushed), num_shoppers, num_rows)


def _check_replaceable(out: pathlib.Path) -> None:
    others = [path.name for path in out.iterdir() if path.suffix != ".parquet"] if out.is_dir() else []
    if others or (out.exists() and not out.is_dir()):
        what = f"holds {others[0]}" if others else "is a file"
        raise BatchFailed(f"{out} {what}, and would be replaced as a whole; give another --out")


def _replace(out: pathlib.Path, by: pathlib.Path) -> None:
    before = out.with_name(f".{out.name}.before")
    if out.exists():
        out.rename(before)
    by.rename(out)
    shutil.rmtree(before, ignore_errors=True)


def _finish(pipeline: beam.Pipeline) -> None:
    try:
        pipeline.run().wait_until_finish()
    except Exception as error:
        logging.exception("the lists failed")
        # Beam appends its own stages to what went wrong.
        raise BatchFailed(f"no list was written: {str(error).split(' [while running', 1)[0]}") from error


@contextlib.contextmanager
def _shown(console: Console, total: int) -> Iterator[None]:
    """A progress bar of shoppers for as long as the context is entered."""
    columns = [TextColumn("Shoppers"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()]
    logger = logging.getLogger(recommender.__name__)
    level = logger.level
    with Progress(*columns, console=console) as progress:
        listener = _Listener(progress, progress.add_task("", total=total))
        logger.addHandler(listener)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.setLevel(level)
            logger.removeHandler(listener)


class _Listener(logging.Handler):
    """Moves a progress bar by what `recommender` logs."""

    def __init__(self, progress: Progress, task: int):
        super().__init__()
        self._progress, self._task = progress, task

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == recommender.DONE:
            self._progress.advance(self._task, record.args[0])
