"""Runs the pipeline's components under a configuration, and tells what two runs wrote apart."""

import json
import os
import pathlib

from tfx.dsl.components.base import base_beam_executor
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import RunOptions
from tfx.types import artifact_utils, standard_artifacts, standard_component_specs

from components.evaluation import report, verdict
from pipeline.beam import beam_args
from pipeline.config import Config
from pipeline.dag import TABLES, create_pipeline
from pipeline.run_record import RunRecord
from schemas.request_example import CATALOG_SPLIT, OUTCOME_FILE, REQUEST_SPLITS, USERS_SPLIT
from tools.flink import compare
from tools.flink.compare import Comparison

_SPLITS = (*REQUEST_SPLITS, CATALOG_SPLIT, USERS_SPLIT)
_COUNTS = ("summary.json", OUTCOME_FILE)


def run_until(config: Config, component: str) -> None:
    """Runs the pipeline up to a component."""
    LocalDagRunner().run(create_pipeline(config), run_options=RunOptions(to_nodes=[component]))


def evaluation_dir(config: Config) -> str:
    """Where `evaluate` writes."""
    return str(config.run_dir / "evaluation")


def evaluate(config: Config, trained: Config) -> None:
    """Judges the model of one run, on the requests of that run, with the engine of another."""
    record = RunRecord(trained)
    examples, model = standard_artifacts.Examples(), standard_artifacts.Model()
    examples.set_mlmd_artifact(record.outputs("RequestExamples")["examples"])
    model.set_mlmd_artifact(record.outputs("Trainer")["model"])
    evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
    evaluation.uri, blessing.uri = evaluation_dir(config), str(config.run_dir / "blessing")
    (node,) = (node for node in create_pipeline(config).components if node.id == "Evaluator")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_args(config.beam), tmp_dir=str(config.run_dir / "tmp"), unique_id="1"
    )
    node.executor_spec.executor_class(context).Do(
        {standard_component_specs.EXAMPLES_KEY: [examples], standard_component_specs.MODEL_KEY: [model]},
        {standard_component_specs.EVALUATION_KEY: [evaluation], standard_component_specs.BLESSING_KEY: [blessing]},
        node.exec_properties,
    )


def compare_pipelines(left: Config, right: Config) -> list[Comparison]:
    """What two runs wrote from the tables to Transform."""
    records = RunRecord(left), RunRecord(right)

    def uris(component: str, output: str, *below: str) -> tuple[str, str]:
        return tuple(os.path.join(record.outputs(component)[output].uri, *below) for record in records)

    found = []
    for table in TABLES:
        title = table.capitalize()
        for split in _split_names(records[0], f"{title}Gen"):
            found += [
                compare.tables(f"{title}Gen, {split}", *uris(f"{title}Gen", "examples", f"Split-{split}")),
                compare.statistics(
                    f"{title}Statistics, {split}", *uris(f"{title}Statistics", "statistics", f"Split-{split}")
                ),
            ]
        found.append(compare.tables(f"{title}Gen, quarantine", *uris(f"{title}Gen", "examples", "quarantine")))
    joined = uris("RequestExamples", "examples")
    found += [compare.examples(f"RequestExamples, {split}", *_split(joined, split)) for split in _SPLITS]
    found += [
        compare.tables("RequestExamples, quarantine", *(os.path.join(uri, "quarantine") for uri in joined)),
        *(compare.values(f"RequestExamples, {name}", *(_json(uri, name) for uri in joined)) for name in _COUNTS),
        compare.files("Transform, vocabularies", *uris("Transform", "transform_graph", "transform_fn", "assets")),
    ]
    transformed = uris("Transform", "transformed_examples")
    found += [
        compare.examples(f"Transform, {split}", *_split(transformed, split), tolerance=compare.FLOAT_TOLERANCE)
        for split in _SPLITS
    ]
    return found


def _split_names(record: RunRecord, component: str) -> list[str]:
    names = record.outputs(component)["examples"].properties["split_names"].string_value
    return artifact_utils.decode_split_names(names)


def _json(uri: str, name: str) -> dict[str, int]:
    return json.loads(pathlib.Path(uri, name).read_text())


def _split(uris: tuple[str, str], split: str) -> tuple[str, ...]:
    return tuple(os.path.join(uri, f"Split-{split}") for uri in uris)


def compare_evaluations(left: str, right: str) -> list[Comparison]:
    """The metrics of two evaluations of one model on the same requests, slice by slice, and what each gate says."""
    metrics = [
        {
            f"{name} of {slices.slice}": value
            for slices in report.load_slices(uri)
            for name, value in slices.candidate.items()
        }
        for uri in (left, right)
    ]
    gates = [
        {f"{check.gate} {check.metric} {check.slice}": check.outcome for check in verdict.load(uri).checks}
        for uri in (left, right)
    ]
    return [compare.values("Evaluator, metrics", *metrics), compare.values("Evaluator, gates", *gates)]
