"""The commands of `shelfwise` about spans: what to do when they land, and what came of them."""

from typing import Annotated

import typer
from rich.console import Console

from pipeline.cli_options import ConfigName, Overrides, Refusal, load_config, waiting


def watch(
    config: ConfigName,
    overrides: Overrides = None,
    once: Annotated[bool, typer.Option("--once", help="End when everything that has landed is done.")] = False,
    first: Annotated[
        int | None,
        typer.Option("--first", min=0, metavar="N", help="Begin with span N, not the newest, if none was run yet."),
    ] = None,
    poll: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Between two looks for a new span.")] = 60,
    settle: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="A span without _SUCCESS is whole when so long unchanged.")
    ] = 60,
) -> None:
    """Run the pipeline whenever a new span lands, the oldest first.

    It may be killed and started again at any time, and goes on where it was. A span that fails is tried again, later
    and later, with what is wrong on the screen. Ctrl-C stops.
    """
    loaded = load_config(config, overrides)
    from pipeline.watch import SpanFailed, Watch

    arguments = [config, *(word for override in overrides or [] for word in ("--set", override))]
    watcher = Watch(loaded, arguments, Console(), first, poll, settle)
    try:
        watcher.run(once)
    except SpanFailed as error:
        raise Refusal(str(error)) from error
    except KeyboardInterrupt:
        Console().print("Stopped; the same command goes on from here")


def lineage(
    config: ConfigName,
    version: Annotated[
        int | None, typer.Argument(metavar="[VERSION]", help="A pushed version; the newest without.")
    ] = None,
    overrides: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Tell what made a pushed version.

    That is the spans, the schemas, the configuration, the code, the model that its training began with, the metrics and
    the verdict, from ML Metadata.
    """
    loaded = load_config(config, overrides)
    with waiting("Reading the metadata"):
        from pipeline import lineage as lineage_lib
        from pipeline import lineage_text

        found = lineage_lib.of_version(loaded, version)
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        Console().print(lineage_text.layout(found), highlight=False, soft_wrap=True)
