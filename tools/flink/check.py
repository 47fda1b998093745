"""Runs the data-parallel components on Flink and in the process, and compares what they wrote.

    python -m tools.flink.check [complete_journey_sample] [--engines flink-embedded flink-cluster] [--set KEY=VALUE]

On each engine the components of the pipeline itself run, from the tables to what Transform wrote. The Evaluator then
judges one model, trained on what the direct runner wrote, on each. Exit code 1: artefacts differ, or something that
Flink needs is missing.
"""

import argparse
import pathlib
import shutil
import sys
import time

from rich.console import Console
from rich.table import Table

import models  # noqa: F401  (selects Keras 2, before a worker's thread imports TensorFlow)
from pipeline import config as configs
from pipeline.cli_options import load_config
from pipeline.data import sources
from pipeline.run_log import diverted
from tools.flink import jars as jars_lib
from tools.flink.compare import Comparison
from tools.flink.engines import DIRECT, ENGINES
from tools.flink.runs import compare_evaluations, compare_pipelines, evaluate, evaluation_dir, run_until


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", default="complete_journey_sample")
    others = [name for name in ENGINES if name != DIRECT]
    parser.add_argument("--engines", nargs="+", choices=others, default=others)
    parser.add_argument("--set", action="append", dest="overrides", metavar="KEY=VALUE")
    parser.add_argument("--without-evaluator", action="store_true", help="train nothing, and compare up to Transform")
    options = parser.parse_args()
    console = Console(width=Console().width)
    try:
        jars = jars_lib.fetch()
        return _check(console, jars, options)
    except (jars_lib.MissingPrerequisite, configs.ConfigError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _check(console: Console, jars: pathlib.Path, options: argparse.Namespace) -> int:
    base = _with_absolute_places(load_config(options.config, options.overrides))
    folder = pathlib.Path(base.runs_dir, "flink")
    shutil.rmtree(folder, ignore_errors=True)
    if base.data.source is not None:
        # A public dataset is written anew: another pipeline may have its own sample of it where data.root says.
        base = base.model_copy(update={"data": base.data.model_copy(update={"root": str(folder / "tables")})})
        sources.prepare(base)
    direct = _run(console, jars, DIRECT, base.model_copy(update={"runs_dir": str(folder / DIRECT)}), None, options)
    differences = 0
    for name in options.engines:
        own = base.model_copy(update={"runs_dir": str(folder / name)})
        config = _run(console, jars, name, own, direct, options)
        compared = compare_pipelines(direct, config)
        if not options.without_evaluator:
            compared += compare_evaluations(*(evaluation_dir(ran) for ran in (direct, config)))
        differences += sum(found.difference is not None for found in compared)
        console.print(_shown(compared, f"{DIRECT} and {name}"))
    print(f"{differences} comparisons failed" if differences else "all artefacts are the same")
    return int(differences > 0)


def _with_absolute_places(config: configs.Config) -> configs.Config:
    """The configuration for workers that start anywhere on this machine."""
    data = config.data.model_copy(update={"root": str(pathlib.Path(config.data.root).absolute())})
    return config.model_copy(update={"data": data, "runs_dir": str(pathlib.Path(config.runs_dir).absolute())})


def _run(
    console: Console,
    jars: pathlib.Path,
    engine: str,
    config: configs.Config,
    trained: configs.Config | None,
    options: argparse.Namespace,
) -> configs.Config:
    """Runs the components on an engine; without a `trained` run, also those that train a model."""
    folder = pathlib.Path(config.runs_dir)
    folder.mkdir(parents=True)
    until = "Trainer" if trained is None and not options.without_evaluator else "Transform"
    with diverted(folder / "log"), ENGINES[engine](jars, folder) as running:
        config = config.model_copy(update={"beam": running.beam})
        start = time.perf_counter()
        run_until(config, until)
        seconds = time.perf_counter() - start
        if not options.without_evaluator:
            evaluate(config, trained or config)
    console.print(f"{engine}: up to {until} in {seconds:.0f} s; logs are in {folder}", soft_wrap=True, highlight=False)
    return config


def _shown(compared: list[Comparison], title: str) -> Table:
    table = Table("artefact", "compared", "", title=title, title_justify="left")
    for found in compared:
        table.add_row(found.what, found.size, found.difference or "same")
    return table


if __name__ == "__main__":
    sys.exit(main())
