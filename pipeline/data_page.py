"""Writes the page about the data of a pipeline's newest run, whether or not it came to a model; beside it as JSON."""

import pathlib

from pipeline.config import Config
from pipeline.files import replace
from pipeline.page import lineage, render, tables
from pipeline.page.document import DataDocument
from pipeline.run_record import NoRun

PAGE, DATA = "data.html", "data.json"


def write(config: Config) -> tuple[DataDocument, pathlib.Path]:
    """Writes `report/data.html` and `report/data.json` into the folder of a pipeline's runs.

    Returns:
        What is in them, and the page.

    Raises:
        NoRun: the pipeline has not run yet.
        FileNotFoundError: an artefact of the newest run is gone; the message names it.
    """
    document = read(config)
    folder = config.run_dir / "report"
    folder.mkdir(exist_ok=True)
    replace(folder / DATA, document.model_dump_json(indent=1))
    replace(folder / PAGE, render.data_html(document))
    return document, folder / PAGE


def read(config: Config) -> DataDocument:
    """What is known of the data of the newest run; raises as `write`."""
    metadata = config.run_dir / "metadata.sqlite"
    steps = lineage.Lineage(metadata, config.name).newest_run() if metadata.exists() else []
    if not steps:
        raise NoRun(f"the pipeline {config.name} has not run yet: `shelfwise run` will write {metadata}")
    return DataDocument(
        pipeline=config.name,
        started_at=steps[0].started,
        stopped=next((step for step in steps if step.state == "failed"), None),
        tables=tables.read(steps),
        steps=steps,
    )
