"""The `shelfwise` command.

Commands import what they need when they run, so that help, mistyped options and questions to a server do not wait for
TensorFlow.
"""

import contextlib
import pathlib
import shlex
import sys
import webbrowser
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console

from pipeline import cli_kubeflow, cli_server, cli_spans
from pipeline import config as configs
from pipeline.cli_options import (
    Address,
    BeamRunner,
    ConfigName,
    Length,
    Overrides,
    Refusal,
    Span,
    load_config,
    waiting,
)
from pipeline.run_log import diverted, new_log

_GATES = ("DataGate", "SkewGate")  # components that stop a run because of its data

app = typer.Typer(
    help="Search and recommendation for online shops: one TFX pipeline, one SavedModel, served by TensorFlow Serving.",
    epilog="Exit codes: 0 success, 1 a failure that the message explains or a model that was refused, 2 wrong usage.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def data(config: ConfigName, overrides: Overrides = None) -> None:
    """Write a public dataset as the three tables.

    The configuration names the dataset, the folder, and how many shoppers to keep.
    """
    loaded = load_config(config, overrides)
    with waiting(f"Preparing the tables in {loaded.data.root}"):
        from pipeline.data import sources

        summary = sources.prepare(loaded)
    Console().print(f"{summary}\nThe tables are in {loaded.data.root}", highlight=False, soft_wrap=True)


@app.command()
def run(config: ConfigName, overrides: Overrides = None, span: Span = None, beam_runner: BeamRunner = None) -> None:
    """Run the pipeline, from the tables to a pushed model.

    It ingests, validates, joins, transforms, trains, evaluates, tries a server, and pushes a model that passes. What
    has not changed since an earlier run is taken from the cache, so a run that failed goes on where it failed.
    """
    if beam_runner is not None:
        overrides = [*(overrides or []), f"beam.runner={beam_runner}"]
    loaded = load_config(config, overrides)
    if loaded.data.source is not None:
        data(config, overrides)
    with waiting("Preparing the text encoder"):
        from pipeline.data import sources

        sources.prepare_text_encoder(loaded)
    from pipeline import local_runner, spans

    loaded = spans.window(loaded, span)
    with _data_explained(loaded):
        local_runner.run(loaded)
    Console().print()
    blessed = _print_report(loaded)
    servable = _print_server_verdict(loaded)
    from pipeline import served

    Console().print(served.describe(loaded), highlight=False, soft_wrap=True)
    if not (blessed and servable):
        section = "evaluation" if servable else "serving"
        raise Refusal(
            f"the model of {loaded.name} was refused and not pushed; what was served before still is. The verdict "
            f"above names what it missed; the limits are those of the section {section}"
        )


@app.command()
def check(
    config: ConfigName,
    overrides: Overrides = None,
    open_page: Annotated[bool, typer.Option("--open", help="Show the page in a browser.")] = False,
) -> None:
    """Ingest, describe and check the tables, without training, and write a page about them.

    The page is runs/NAME/report/data.html; what has been done is not done again by a run.
    """
    loaded = load_config(config, overrides)
    if loaded.data.source is not None:
        data(config, overrides)
    from pipeline import local_runner, spans

    loaded = spans.window(loaded)
    with _data_explained(loaded):
        local_runner.run(loaded, only_data=True)
    _write_data_page(loaded, open_page)


app.add_typer(cli_kubeflow.app, name="kubeflow")
app.command()(cli_spans.watch)
app.command()(cli_spans.lineage)
app.command()(cli_server.serve)
app.command()(cli_server.promote)
app.command()(cli_server.rollback)
app.command()(cli_server.tensorboard)


@app.command()
def batch(
    config: ConfigName,
    overrides: Overrides = None,
    k: Length = 50,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(metavar="FOLDER", help="Where to write the Parquet files; runs/NAME/lists without."),
    ] = None,
) -> None:
    """Write a list for every shopper, without a server.

    Every shopper with an event or a profile is asked about as right after the newest event, by the newest pushed
    version. The columns are user_id, rank (from 1), item_id, score and reason.
    """
    loaded = load_config(config, overrides)
    width = Console().width
    log = new_log(loaded.run_dir)
    with diverted(log) as terminal:
        console = Console(file=terminal, width=width)
        console.print(f"Writing the lists of {loaded.name}; the full log is {log}", highlight=False, soft_wrap=True)
        with console.status("Loading the model's libraries"):
            from pipeline import batch as batch_lib

        try:
            lists = batch_lib.run(loaded, k, out or loaded.run_dir / "lists", console)
        except batch_lib.BatchFailed as error:
            raise Refusal(str(error)) from error
    Console().print(
        f"{lists.num_shoppers:,} shoppers, {lists.num_rows:,} rows by version {lists.version} are in {lists.folder}",
        highlight=False,
        soft_wrap=True,
    )


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

    Console().print(ask.recommendations(load_config(config, overrides), address, user, k))


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

    Console().print(ask.matches(load_config(config, overrides), address, text, user, k))


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

    Console().print(ask.similar(load_config(config, overrides), address, item, k))


@app.command()
def report(
    config: ConfigName,
    overrides: Overrides = None,
    open_page: Annotated[bool, typer.Option("--open", help="Show the page in a browser.")] = False,
) -> None:
    """Print the newest evaluation, by slice, and its verdict, and write pages about it and about the data.

    The pages, runs/NAME/report/index.html and data.html, need no network; report.json and data.json beside them hold
    their numbers. A run that came to no evaluation has the page about its data only.
    """
    loaded = load_config(config, overrides)
    from pipeline.run_record import RunRecord

    evaluated = RunRecord(loaded).outputs("Evaluator")
    _write_data_page(loaded, open_page and not evaluated)
    if not evaluated:
        return
    _print_report(loaded)
    with waiting("Writing the page"):
        from pipeline import report_page

        page = report_page.write(loaded)
    Console().print(f"The page is {page}", highlight=False, soft_wrap=True)
    if open_page:
        webbrowser.open(page.absolute().as_uri())


@app.command()
def demo(config: ConfigName = "complete_journey", overrides: Overrides = None) -> None:
    """Run the pipeline, serve its model, and ask three things.

    These are recommendations for a shopper, a search, and similar items.
    """
    run(config, overrides)
    from pipeline import demonstration

    again = shlex.join([config, *(word for override in overrides or [] for word in ("--set", override))])
    demonstration.show(load_config(config, overrides), again)


def _write_data_page(config: configs.Config, open_page: bool = False) -> None:
    """Writes the page about the data of the newest run, and says what became of that."""
    with waiting("Writing the page about the data"):
        from pipeline import data_page
        from pipeline.page import data_words

        document, page = data_page.write(config)
    stopped = f": {document.stopped.error}" if document.stopped and document.stopped.error else ""
    console = Console()
    console.print(f"{data_words.headline(document)}{stopped}", highlight=False, soft_wrap=True, markup=False)
    console.print(f"The page about the data is {page}", highlight=False, soft_wrap=True)
    if open_page:
        webbrowser.open(page.absolute().as_uri())


@contextlib.contextmanager
def _data_explained(config: configs.Config) -> Iterator[None]:
    """Writes the page about the data where a gate stops the run because of it, and says so in the error."""
    from pipeline.local_runner import RunFailed

    try:
        yield
    except RunFailed as failure:
        if failure.component not in _GATES:
            raise
        with waiting("Writing the page about the data"):
            from pipeline import data_page

            _, page = data_page.write(config)
        raise RunFailed(f"{failure}\nThe page about the data is {page}", failure.component) from failure


def _print_report(config: configs.Config) -> bool:
    """Prints the newest evaluation; returns whether the model was blessed."""
    from pipeline.run_record import RunRecord

    folder = RunRecord(config).evaluation_dir()
    with waiting("Reading the evaluation"):
        from components.evaluation import report as evaluation_report
        from pipeline import reports

        found = evaluation_report.load_results(folder)
    console = Console()
    console.print(reports.layout(found, config))
    console.print(f"The evaluation is in {folder}", highlight=False, soft_wrap=True)
    return found.blessed


def _print_server_verdict(config: configs.Config) -> bool:
    """Prints what the newest candidate did in a server; returns whether it was accepted."""
    from components.infra_validation import report as infra_report
    from pipeline import reports
    from pipeline.run_record import RunRecord

    folder = RunRecord(config).infra_blessing_dir()
    found = infra_report.load(folder)
    Console().print(reports.server_verdict(found), soft_wrap=True)
    if not found.blessed:
        Console().print(f"What the server said is in {folder}/{infra_report.LOG}", highlight=False, soft_wrap=True)
    return found.blessed


def _failures() -> tuple[type[Exception], ...]:
    """What a user can mend; anything else is a bug, and its traceback is what helps."""
    from pipeline.data.dataset import DataError
    from pipeline.data.wheels import WheelError
    from pipeline.kubeflow.submit import SubmitError
    from pipeline.local_runner import RunFailed
    from pipeline.lock import Busy
    from pipeline.run_record import NoRun
    from pipeline.shop import NoTables, UnknownShopper
    from serving.client import ServingError

    return (
        *(Refusal, configs.ConfigError, DataError, NoRun, NoTables, RunFailed, ServingError, UnknownShopper),
        *(SubmitError, WheelError, OSError, Busy),
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
