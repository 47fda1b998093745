"""What made a pushed version, from ML Metadata and the artefacts that it names."""

import datetime
import hashlib
import json
import pathlib

import pydantic

from components.evaluation import report, verdict_text
from components.evaluation.metrics.names import group
from components.evaluation.slices import SliceMetrics
from components.evaluation.verdict import Known
from components.infra_validation import report as infra_report
from components.table_gen.contract import Contract
from components.table_gen.custom_config import unpack
from components.table_gen.summary import Summary
from models.warm_start import Start, read_start
from pipeline.config import Config
from pipeline.page.document import Step
from pipeline.page.lineage import Lineage as Metadata
from pipeline.run_record import NoRun


class Model(pydantic.BaseModel):
    """A model of the pipeline: where it is, and under which version it was pushed; None if it was not."""

    uri: str
    span: int | None
    version: int | None


class Events(pydantic.BaseModel):
    """The spans that were read, from the first (None: the oldest there was) to the last, and their rows."""

    first_span: int | None
    last_span: int | None
    rows: int
    rejected: int


class Schema(pydantic.BaseModel):
    """A table's schema as it was, and a fingerprint to compare it by."""

    uri: str
    sha256: str


class Metric(pydantic.BaseModel):
    """A metric over all requests, with its 95 % interval, and the baseline's; None for what is not known."""

    value: Known
    low: Known
    high: Known
    baseline: Known = None


class Lineage(pydantic.BaseModel):
    """Where a pushed version comes from.

    Attributes:
        version: its number.
        folder: where it was pushed to.
        pushed_at: when.
        model: the model that was pushed.
        events: what was read.
        schemas: by table.
        config: the whole configuration of the run; None where the run did not note it down.
        code: that ran, as by `code_version.current`; None likewise.
        trained_at: when the training began, which may have been in an earlier run.
        training_seconds: how long Trainer took.
        trained_by: the code that trained.
        start: how training began; None for models that do not tell.
        parent: whose weights training began with.
        baseline: what the model was compared with.
        metrics: by name.
        blessed: by the Evaluator.
        undecided: what the requests were too few to decide.
        server: what the model did in a server of its own.
    """

    version: int
    folder: str
    pushed_at: datetime.datetime
    model: Model
    events: Events
    schemas: dict[str, Schema]
    config: dict[str, object] | None
    code: str | None
    trained_at: datetime.datetime
    training_seconds: float
    trained_by: str | None
    start: Start | None
    parent: Model | None
    baseline: Model | None
    metrics: dict[str, Metric]
    blessed: bool
    undecided: list[str]
    server: infra_report.Report


def of_version(config: Config, version: int | None = None) -> Lineage:
    """The lineage of a version.

    Args:
        config: of the pipeline.
        version: its number; None for the one that was pushed last.

    Raises:
        NoRun: no such version is on record; the message names those that are.
        FileNotFoundError: an artefact is gone; the message names it.
    """
    path = config.run_dir / "metadata.sqlite"
    if not path.exists():
        raise NoRun(f"the pipeline {config.name} has not run yet: `shelfwise run` will write {path}")
    metadata = Metadata(path, config.name)
    pushed = {
        int(artifact.custom_properties["pushed_version"].string_value): artifact
        for artifact in metadata.artifacts("PushedModel")
        if artifact.custom_properties["pushed"].int_value
    }
    wanted = version if version is not None else max(pushed, default=None)
    if wanted not in pushed:
        there = f"on record are {', '.join(map(str, sorted(pushed)))}" if pushed else "none was ever pushed"
        raise NoRun(f"{config.name} has no version {version or ''} on record: {there}".replace("  ", " "))
    pusher = metadata.made_by(pushed[wanted].id)
    steps = {step.component: step for step in metadata.steps(pusher)}
    versions = _versions(metadata, pushed)
    trained = metadata.made_by(steps["Trainer"].outputs["model"][0].id)
    trainer = next(step for step in metadata.steps(trained) if step.component == "Trainer")
    found = report.load_results(steps["Evaluator"].outputs["evaluation"][0].uri)
    notes = metadata.notes(pusher)
    return Lineage(
        version=wanted,
        folder=pushed[wanted].custom_properties["pushed_destination"].string_value,
        pushed_at=steps["Pusher"].started,
        model=_model(metadata, trainer.outputs["model"], versions),
        events=_events(steps["EventsGen"]),
        schemas={table: _schema(steps[f"{table.capitalize()}Schema"]) for table in ("events", "items", "users")},
        config=json.loads(notes["config"]) if "config" in notes else None,
        code=notes.get("code"),
        trained_at=trainer.started,
        training_seconds=trainer.seconds,
        trained_by=metadata.notes(trained).get("code"),
        start=read_start(f"{trainer.outputs['model'][0].uri}/Format-Serving"),
        parent=_model(metadata, trainer.inputs.get("base_model"), versions),
        baseline=_model(metadata, steps["Evaluator"].inputs.get("baseline_model"), versions),
        metrics=_metrics(found.slices[0]),
        blessed=found.blessed,
        undecided=verdict_text.undecided(found.verdict),
        server=infra_report.load(steps["InfraValidator"].outputs["blessing"][0].uri),
    )


def _metrics(overall: SliceMetrics) -> dict[str, Metric]:
    before = group(overall.baseline)
    return {
        name: Metric(
            value=measured.value,
            low=measured.low,
            high=measured.high,
            baseline=before[name].value if name in before else None,
        )
        for name, measured in group(overall.candidate).items()
    }


def _versions(metadata: Metadata, pushed: dict[int, object]) -> dict[int, int]:
    """By the id of each model that was pushed, the first version of it."""
    versions: dict[int, int] = {}
    for version, artifact in sorted(pushed.items()):
        execution = metadata.made_by(artifact.id)
        pusher = next(step for step in metadata.steps(execution) if step.component == "Pusher")
        versions.setdefault(pusher.inputs["model"][0].id, version)
    return versions


def _model(metadata: Metadata, artifacts: list | None, versions: dict[int, int]) -> Model | None:
    if not artifacts:
        return None
    model = artifacts[0]
    return Model(uri=model.uri, span=metadata.span(model.id), version=versions.get(model.id))


def _events(gen: Step) -> Events:
    summary = Summary.model_validate_json(pathlib.Path(gen.outputs["examples"][0].uri, "summary.json").read_text())
    contract = Contract.model_validate_json(unpack(gen.settings))
    return Events(
        first_span=contract.first_span, last_span=summary.span, rows=summary.accepted, rejected=summary.num_rejected
    )


def _schema(step: Step) -> Schema:
    uri = step.outputs["schema"][0].uri
    return Schema(uri=uri, sha256=hashlib.sha256(pathlib.Path(uri, "schema.pbtxt").read_bytes()).hexdigest())
