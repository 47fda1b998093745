"""The `shelfwise` command."""

import pathlib
import sys
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.table import Table

from pipeline import config as configs

app = typer.Typer(
    help="Search and recommendation for online shops: one TFX pipeline, one SavedModel, served by TensorFlow Serving.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(soft_wrap=True)

ConfigName = Annotated[
    str, typer.Argument(metavar="CONFIG", help="A YAML file, or the name of a shipped configuration.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a value of the file, such as training.epochs=1."),
]
Address = Annotated[str, typer.Option(help="The server's gRPC address.")]
Length = Annotated[int, typer.Option("-k", min=1, help="How many items to list.")]


def _load(name: str, overrides: list[str] | None) -> configs.Config:
    values = {}
    for override in overrides or []:
        key, separator, value = override.partition("=")
        if not separator:
            raise configs.ConfigError(f"--set {override}: write KEY=VALUE, such as training.epochs=1")
        values[key] = yaml.safe_load(value)
    return configs.load(name, values)


@app.command()
def data(config: ConfigName, overrides: Overrides = None) -> None:
    """Fetch a public dataset and write it as the three tables of the data contract."""
    from pipeline.data import sources

    console.print(str(sources.prepare(_load(config, overrides))))


@app.command()
def run(config: ConfigName, overrides: Overrides = None) -> None:
    """Run the whole pipeline: ingest, validate, join, transform, train, evaluate, push."""
    from pipeline.data import sources

    loaded = _load(config, overrides)
    if loaded.data.source is not None:
        console.print(str(sources.prepare(loaded)))
    sources.prepare_text_encoder(loaded)
    from pipeline import local_runner

    local_runner.run(loaded, console)
    report(config, overrides)


@app.command()
def serve(
    config: ConfigName,
    overrides: Overrides = None,
    port: Annotated[int, typer.Option(help="gRPC port.")] = 8500,
    host: Annotated[str, typer.Option(help="Interface to listen on; 0.0.0.0 for all.")] = "localhost",
) -> None:
    """Serve the pushed versions with the embedded server, which speaks TensorFlow Serving's protocol."""
    from serving.server import serve as serve_forever

    loaded = _load(config, overrides)
    serve_forever(loaded.serving.model_name, loaded.serving_dir, port=port, host=host)


@app.command()
def query(
    config: ConfigName,
    user: Annotated[str, typer.Option(help="The shopper; the history is read from the events table.")],
    overrides: Overrides = None,
    address: Address = "localhost:8500",
    k: Length = 10,
) -> None:
    """Ask a running server what a shopper should see next."""
    from pipeline import ask

    loaded = _load(config, overrides)
    console.print(ask.recommendations(loaded, address, user, k))


@app.command()
def search(
    config: ConfigName,
    text: Annotated[str, typer.Argument(help="What to look for.")],
    user: Annotated[str, typer.Option(help="The shopper who is looking; nobody in particular by default.")] = "",
    overrides: Overrides = None,
    address: Address = "localhost:8500",
    k: Length = 10,
) -> None:
    """Ask a running server which items match a text."""
    from pipeline import ask

    console.print(ask.matches(_load(config, overrides), address, text, user, k))


@app.command()
def similar(
    config: ConfigName,
    item: Annotated[str, typer.Argument(help="The item's id.")],
    overrides: Overrides = None,
    address: Address = "localhost:8500",
    k: Length = 10,
) -> None:
    """Ask a running server what goes with an item."""
    from pipeline import ask

    console.print(ask.similar(_load(config, overrides), address, item, k))


@app.command()
def report(config: ConfigName, overrides: Overrides = None) -> None:
    """Print what the Evaluator measured in the last run, and its verdict."""
    from pipeline import reports

    loaded = _load(config, overrides)
    console.print(reports.latest(loaded))


@app.command()
def demo(config: ConfigName = "complete_journey", overrides: Overrides = None) -> None:
    """Run the pipeline, serve what it pushed, and ask it for recommendations, a search and similar items."""
    from pipeline import demonstration

    run(config, overrides)
    demonstration.show(_load(config, overrides), console)


def main() -> None:
    """Entry point of the `shelfwise` script: a known failure is one line on stderr and exit code 1."""
    try:
        app()
    except (ValueError, LookupError, OSError, RuntimeError) as error:
        Console(stderr=True, soft_wrap=True).print(f"[bold red]error:[/bold red] {error}", highlight=False)
        sys.exit(1)
