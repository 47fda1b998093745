"""The spans of the events table, and the rolling window of them that a run reads."""

import os
import re

from pipeline.config import Config, ConfigError

_FOLDER = re.compile(r"span-(\d+)")


def numbers(root: str) -> list[int]:
    """Numbers of the folders `events/span-N`, ascending; none where there is no such folder.

    Args:
        root: of the tables, a folder or the address of a bucket.
    """
    events = os.path.join(root, "events")
    return sorted({int(found[1]) for name in _names(events) if (found := _FOLDER.fullmatch(name))})


def window(config: Config, span: int | None = None) -> Config:
    """The configuration of a run over the window that ends at a span.

    A window counts the spans that are there, so numbers may have gaps, as those made of dates have.

    Args:
        config: of the shop.
        span: the last span to read; None for the newest within `data.first_span..data.last_span`.

    Returns:
        The configuration with `data.first_span` and `data.last_span` set; unchanged if nothing in it asks for a window.

    Raises:
        ConfigError: the span is not there, or lies outside of what is configured.
    """
    data = config.data
    if span is None and data.window_spans is None and not config.training.warm_start.enabled:
        return config
    there = numbers(data.root)
    allowed = [n for n in there if (data.first_span or 0) <= n and (data.last_span is None or n <= data.last_span)]
    last = span if span is not None else max(allowed, default=None)
    if last not in allowed:
        raise ConfigError(_none(config, span, there))
    read = [n for n in allowed if n <= last][-(data.window_spans or len(allowed)) :]
    return config.model_copy(update={"data": data.model_copy(update={"first_span": read[0], "last_span": last})})


def _none(config: Config, span: int | None, there: list[int]) -> str:
    wanted = "no span to read" if span is None else f"no span {span}"
    found = f"spans {there[0]} to {there[-1]} are there" if there else "no folder span-N is there"
    limits = f"data.first_span..data.last_span is {config.data.first_span}..{config.data.last_span}"
    return f"{wanted} in {os.path.join(config.data.root, 'events')}: {found}, and {limits}"


def _names(folder: str) -> list[str]:
    if "://" not in folder:
        return [entry.name for entry in os.scandir(folder) if entry.is_dir()] if os.path.isdir(folder) else []
    from tfx.dsl.io import fileio  # knows buckets, and takes long to import

    return [name.rstrip("/") for name in fileio.listdir(folder)] if fileio.isdir(folder) else []
