"""Writes the page of a pipeline's newest evaluation, and the same as JSON."""

import contextlib
import json
import pathlib

from components.evaluation import report, verdict_text
from components.evaluation.metrics import names
from components.evaluation.slices import SliceMetrics, slice_name
from components.evaluation.verdict import Check
from components.infra_validation import report as infra_report
from pipeline.config import Config
from pipeline.files import replace
from pipeline.page import curves, exposure, items, judged_lists, lineage, render, tables
from pipeline.page.document import (
    CalibrationBin,
    Document,
    Gate,
    HeadCalibration,
    PastEvaluation,
    Slice,
    Step,
    Verdict,
)
from pipeline.run_record import RunRecord
from schemas.request_example import CATALOG_SPLIT

PAGE, DATA = "index.html", "report.json"

_JUDGED_SPLIT = "eval"
_ASKED = 512  # requests; enough for shares by popularity to settle, and asked in seconds
_EXAMPLES = 4
_PAST = 30  # evaluations that are drawn


def write(config: Config) -> pathlib.Path:
    """Writes `report/index.html` and `report/report.json` into the folder of a pipeline's runs.

    Each file replaces the one before it when it is complete.

    Returns:
        The page.

    Raises:
        NoRun: the newest run has come to no evaluation.
        FileNotFoundError: an artefact of that run is gone; the message names it.
    """
    document = _document(config)
    folder = config.run_dir / "report"
    folder.mkdir(exist_ok=True)
    replace(folder / DATA, document.model_dump_json(indent=1))
    replace(folder / PAGE, render.html(document))
    return folder / PAGE


def _document(config: Config) -> Document:
    record = RunRecord(config)
    evaluation = record.evaluation_dir()
    found = report.load_results(evaluation)
    metadata = lineage.Lineage(config.run_dir / "metadata.sqlite", config.name)
    steps = {step.component: step for step in metadata.steps(record.execution("Evaluator").id)}
    evaluator = steps["Evaluator"]
    requests = pathlib.Path(_input(evaluator, "examples"))
    model = pathlib.Path(_input(evaluator, "model")) / "Format-Serving"
    settings = _settings(evaluator)
    cutoffs = settings["cutoffs"]
    lists = judged_lists.ask(model, requests / f"Split-{_JUDGED_SPLIT}", cutoffs[0], _ASKED)
    texts = config.features_of("item", "text") or config.features_of("item", "categorical")
    catalogue = items.read(requests / f"Split-{CATALOG_SPLIT}", texts, settings.get("exposure", []))
    return Document(
        pipeline=config.name,
        evaluated_at=next(lineage.at(one) for one in metadata.evaluations() if one.uri == evaluation),
        cutoffs=cutoffs,
        verdict=_verdict(found, steps, record),
        slices=[_slice(metrics) for metrics in found.slices],
        history=_history(metadata),
        exposure=exposure.of_lists(lists, catalogue, cutoffs[0]),
        calibration=[_calibration(one) for one in found.calibration],
        examples=judged_lists.example_lists(lists, catalogue, _EXAMPLES),
        curves=curves.read(_output(steps["Trainer"], "model_run")),
        tables=tables.read(steps.values()),
        steps=list(steps.values()),
        outcomes=found.outcomes,
    )


def _settings(evaluator: Step) -> dict:
    """The settings of this evaluation, which may be others than those that are configured by now."""
    [metrics] = json.loads(evaluator.settings["eval_config"])["metrics_specs"]
    return json.loads(metrics["metrics"][0]["config"])


def _verdict(found: report.EvaluationReport, steps: dict[str, Step], record: RunRecord) -> Verdict:
    server = infra_report.load(_output(steps["InfraValidator"], "blessing")) if "InfraValidator" in steps else None
    pushed = record.outputs("Pusher").get("pushed_model") if "Pusher" in steps else None
    version = pushed.custom_properties["pushed_version"].string_value if pushed else ""
    return Verdict(
        blessed=found.blessed,
        gates=[_gate(check) for check in found.verdict.checks],
        undecided=verdict_text.undecided(found.verdict),
        server=server,
        pushed_version=int(version) if version else None,
    )


def _gate(check: Check) -> Gate:
    if check.outcome != "refused":
        return Gate(check=check)
    return Gate(check=check, finding=verdict_text.describe(check), advice=verdict_text.advice(check))


def _slice(metrics: SliceMetrics) -> Slice:
    return Slice(
        name=slice_name(metrics.slice),
        features=tuple(feature for feature, _ in metrics.slice),
        candidate=names.group(metrics.candidate),
        baseline=names.group(metrics.baseline),
    )


def _calibration(found: report.HeadCalibration) -> HeadCalibration:
    bins = [
        CalibrationBin(count=round(one.count), predicted=one.predicted / one.count, happened=one.happened / one.count)
        for one in found.bins
        if one.count
    ]
    return HeadCalibration(head=found.head, bins=bins)


def _history(metadata: lineage.Lineage) -> list[PastEvaluation]:
    """The newest evaluations whose folders are still there and whole."""
    past = []
    for artifact in metadata.evaluations()[-_PAST:]:
        with contextlib.suppress(FileNotFoundError):
            found = report.load_results(artifact.uri)
            overall = names.group(found.slices[0].candidate) if found.slices else {}
            span = metadata.span(artifact.id)
            past.append(PastEvaluation(at=lineage.at(artifact), span=span, blessed=found.blessed, metrics=overall))
    return past


def _input(step: Step, key: str) -> str:
    return step.inputs[key][0].uri


def _output(step: Step, key: str) -> str:
    return step.outputs[key][0].uri
