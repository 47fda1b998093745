"""The `shelfwise` command.

Commands import what they need when they run, so that help, mistyped options and questions to a server do not wait for
TensorFlow.
"""

import contextlib
import logging
import os
import pathlib
import shlex
import sys
from collections.abc import Iterator
from typing import Annotated

import typer
import yaml
from rich.console import Console

from pipeline import config as configs
from pipeline.run_log import diverted, new_log

app = typer.Typer(
    help="Search and recommendation for online shops: one TFX pipeline, one SavedModel, served by TensorFlow Serving.",
    epilog="Exit codes: 0 success, 1 a failure that the message explains or a model that was refused, 2 wrong usage.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigName = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG",
        help="A YAML file, or a shipped configuration: complete_journey, complete_journey_sample (300 households, for "
        "a quick run) or movielens.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Replaces a value of the file, such as training.epochs=1; may be repeated."
    ),
]
Address = Annotated[str, typer.Option(metavar="HOST:PORT", help="The server's gRPC address.")]
Length = Annotated[int, typer.Option("-k", min=1, metavar="N", help="How many items to list.")]


class RefusedModel(Exception):
    """The Evaluator did not bless the model, so it was not pushed."""


@contextlib.contextmanager
def _waiting(what: str) -> Iterator[None]:
    """Shows what a person waits for; the notes that TensorFlow writes when it is imported are dropped."""
    with diverted(pathlib.Path(os.devnull)) as terminal, Console(file=terminal).status(what):
        yield


def _load(name: str, overrides: list[str] | None) -> configs.Config:
    values = {}
    for override in overrides or []:
        key, separator, value = override.partition("=")
        if not (key and separator):
            raise typer.BadParameter(f"'{override}': write KEY=VALUE, such as training.epochs=1", param_hint="--set")
        try:
            values[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise typer.BadParameter(f"'{override}': the value is no valid YAML", param_hint="--set") from None
    return configs.load(name, values)


@app.command()
def data(config: ConfigName, overrides: Overrides = None) -> None:
    """Write a public dataset as the three tables.

    The configuration names the dataset, the folder, and how many shoppers to keep.
    """
    loaded = _load(config, overrides)
    with _waiting(f"Preparing the tables in {loaded.data.root}"):
        from pipeline.data import sources

        summary = sources.prepare(loaded)
    Console().print(f"{summary}\nThe tables are in {loaded.data.root}", highlight=False, soft_wrap=True)


@app.command()
def run(config: ConfigName, overrides: Overrides = None) -> None:
    """Run the pipeline, from the tables to a pushed model.

    It ingests, validates, joins, transforms, trains, evaluates, and pushes a model that passes. What has not changed
    since an earlier run is taken from the cache, so a run that failed goes on where it failed.
    """
    loaded = _load(config, overrides)
    if loaded.data.source is not None:
        data(config, overrides)
    with _waiting("Preparing the text encoder"):
        from pipeline.data import sources

        sources.prepare_text_encoder(loaded)
    from pipeline import local_runner, served

    local_runner.run(loaded)
    Console().print()
    blessed = _print_report(loaded)
    Console().print(served.describe(loaded), highlight=False, soft_wrap=True)
    if not blessed:
        raise RefusedModel(
            f"the model of {loaded.name} was refused and not pushed; what was served before still is. The verdict "
            "above names what it missed; the limits are evaluation.floors and evaluation.max_loss"
        )


@app.command()
def serve(
    config: ConfigName,
    overrides: Overrides = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="gRPC port; 0 takes a free one.")] = 8500,
    host: Annotated[str, typer.Option(help="Interface to listen on; 0.0.0.0 for all.")] = "localhost",
) -> None:
    """Serve the pushed versions over gRPC.

    This is the embedded server, which speaks TensorFlow Serving's protocol. New versions are swapped in as they are
    pushed, and deleting the newest folder rolls back. Ctrl-C stops.
    """
    from pipeline.run_record import NoRun

    loaded = _load(config, overrides)
    if not loaded.serving_dir.is_dir():
        raise NoRun(f"nothing has been pushed to {loaded.serving_dir} yet: `shelfwise run` comes first")
    log = new_log(loaded.run_dir)
    print(f"Serving {loaded.serving_dir}; Ctrl-C stops, and what TensorFlow says is in {log}", flush=True)
    with diverted(log) as terminal:
        from serving.server import serve as serve_forever

        to_terminal = logging.StreamHandler(terminal)
        to_terminal.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logging.getLogger("serving").addHandler(to_terminal)
        serve_forever(loaded.serving.model_name, loaded.serving_dir, port=port, host=host)


@app.command()
def query(
    config: ConfigName,
    user: Annotated[str, typer.Option(metavar="ID", help="The shopper, whose history is read from the events table.")],
    overrides: Overrides = None,
    address: Address = "localhost:8500",
    k: Length = 10,
) -> None:
    """Ask a server what a shopper should see next."""
    from pipeline import ask

    Console().print(ask.recommendations(_load(config, overrides), address, user, k))


@app.command()
def search(
    config: ConfigName,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to look for.")],
    user: Annotated[str, typer.Option(metavar="ID", help="The shopper who looks; nobody in particular without.")] = "",
    overrides: Overrides = None,
    address: Address = "localhost:8500",
    k: Length = 10,
) -> None:
    """Ask a server which items match a text."""
    from pipeline import ask

    Console().print(ask.matches(_load(config, overrides), address, text, user, k))


@app.command()
def similar(
    config: ConfigName,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="The item's id.")],
    overrides: Overrides = None,
    address: Address = "localhost:8500",
    k: Length = 10,
) -> None:
    """Ask a server what goes with an item."""
    from pipeline import ask

    Console().print(ask.similar(_load(config, overrides), address, item, k))


@app.command()
def report(config: ConfigName, overrides: Overrides = None) -> None:
    """Print the newest evaluation, by slice, and its verdict."""
    _print_report(_load(config, overrides))


@app.command()
def demo(config: ConfigName = "complete_journey", overrides: Overrides = None) -> None:
    """Run the pipeline, serve its model, and ask three things.

    These are recommendations for a shopper, a search, and similar items.
    """
    run(config, overrides)
    from pipeline import demonstration

    again = shlex.join([config, *(word for override in overrides or [] for word in ("--set", override))])
    demonstration.show(_load(config, overrides), again)


def _print_report(config: configs.Config) -> bool:
    """Prints the newest evaluation; returns whether the model was blessed."""
    from pipeline.run_record import RunRecord

    folder = RunRecord(config).evaluation_dir()
    with _waiting("Reading the evaluation"):
        from components.evaluation import report as evaluation_report
        from pipeline import reports

        found = evaluation_report.load_results(folder)
    console = Console()
    console.print(reports.layout(found, config))
    console.print(f"The evaluation is in {folder}", highlight=False, soft_wrap=True)
    return found.blessed


def _failures() -> tuple[type[Exception], ...]:
    """What a user can mend; anything else is a bug, and its traceback is what helps."""
    from pipeline.data.dataset import DataError
    from pipeline.data.wheels import WheelError
    from pipeline.local_runner import RunFailed
    from pipeline.run_record import NoRun
    from pipeline.shop import NoTables, UnknownShopper
    from serving.client import ServingError

    return (
        *(configs.ConfigError, DataError, NoRun, NoTables, RefusedModel, RunFailed, ServingError, UnknownShopper),
        *(WheelError, OSError),
    )


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `shelfwise` script; what a user can mend becomes a message on stderr and exit code 1.

    Args:
        arguments: the command line behind the script's name; that of the process by default.
    """
    try:
        app(arguments, prog_name="shelfwise")
    except Exception as error:
        if not isinstance(error, _failures()):
            raise
        Console(stderr=True).print("[bold red]error:[/bold red]", end=" ")
        Console(stderr=True).print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
