"""What the commands of `shelfwise` have in common: arguments and options, and how a configuration is read."""

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import Annotated, Literal

import typer
import yaml
from rich.console import Console

from pipeline import config as configs
from pipeline.run_log import diverted

ConfigName = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG",
        help="A YAML file, or a shipped configuration: complete_journey, complete_journey_sample (300 households, for "
        "a quick run), complete_journey_weekly (a model a week) or movielens.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Replaces a value of the file, such as training.epochs=1; may be repeated."
    ),
]
BeamRunner = Annotated[
    Literal["direct", "flink", "spark", "dataflow"] | None,
    typer.Option(help="Where the data-parallel components run, as the section beam says; its `runner` without."),
]
Span = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="The newest span to read, with the data.window_spans - 1 before it; the newest there is without.",
    ),
]
Address = Annotated[str, typer.Option(metavar="HOST:PORT", help="The server's gRPC address.")]
Length = Annotated[int, typer.Option("-k", "--k", min=1, metavar="N", help="How many items to list.")]


class Refusal(Exception):
    """What was asked for cannot be done as things are; the message says why, and what to do."""


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """Shows what a person waits for; the notes that TensorFlow writes when it is imported are dropped."""
    with diverted(pathlib.Path(os.devnull)) as terminal, Console(file=terminal).status(what):
        yield


def settings_of(overrides: list[str] | None) -> dict[str, object]:
    """The values of `--set` by dotted key.

    Raises:
        typer.BadParameter: an override is not written as KEY=VALUE.
    """
    values = {}
    for override in overrides or []:
        key, separator, value = override.partition("=")
        if not (key and separator):
            raise typer.BadParameter(f"'{override}': write KEY=VALUE, such as training.epochs=1", param_hint="--set")
        try:
            values[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise typer.BadParameter(f"'{override}': the value is no valid YAML", param_hint="--set") from None
    return values


def load_config(name: str, overrides: list[str] | None) -> configs.Config:
    """Reads a configuration with the values of `--set` in it.

    Raises:
        typer.BadParameter: an override is not written as KEY=VALUE.
        ConfigError: as `pipeline.config.load`.
    """
    return configs.load(name, settings_of(overrides))
