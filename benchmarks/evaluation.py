"""What one pass of the Evaluator takes: the newest run's model on its evaluation requests, beside itself as baseline.

    python -m benchmarks.evaluation complete_journey [--set evaluation.cutoffs=[10]]

The pass is the pipeline's own, gates and verdict included: the two models' lists and the predictions of their heads,
all metrics with their intervals, every slice. Time is that of this machine with whatever else runs on it; processor
time is less so.
"""

import argparse
import os
import pathlib
import tempfile
import time

import numpy as np
from rich.console import Console
from rich.table import Table
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import proto_utils

from components.evaluation import executor, gate, report
from components.evaluation.metrics.names import group
from components.evaluation.ranking_metrics import REQUESTS
from pipeline import config as configs
from pipeline.beam import LOCAL_BEAM_ARGS
from pipeline.cli_options import load_config
from pipeline.run_record import NoRun, RunRecord
from schemas.request_example import CATALOG_SPLIT


def evaluate(config: configs.Config, examples: str, model: str, folder: pathlib.Path) -> report.EvaluationReport:
    """Evaluates a model beside itself.

    Args:
        config: what to measure, by which slices, and the gates.
        examples: of requests, as RequestExamples left them.
        model: as Trainer left it.
        folder: an empty one, for what is found.
    """
    requests = _artifact(standard_artifacts.Examples, examples)
    requests.split_names = artifact_utils.encode_split_names(["eval", CATALOG_SPLIT])
    models = {key: [_artifact(standard_artifacts.Model, model)] for key in ("model", "baseline_model")}
    outputs = {
        "evaluation": [_artifact(standard_artifacts.ModelEvaluation, folder / "evaluation")],
        "blessing": [_artifact(standard_artifacts.ModelBlessing, folder / "blessing")],
    }
    context = executor.Executor.Context(
        beam_pipeline_args=list(LOCAL_BEAM_ARGS), tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    settings = {
        "eval_config": proto_utils.proto_to_json(gate.eval_config(config)),
        "example_splits": '["eval"]',
        executor.GATES_KEY: config.evaluation.gates.model_dump_json(),
    }
    executor.Executor(context).Do({"examples": [requests], **models}, outputs, settings)
    return report.load_results(outputs["evaluation"][0].uri)


def _artifact(kind, uri: str | os.PathLike):
    artifact = kind()
    artifact.uri = str(uri)
    return artifact


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("config", nargs="?", default="complete_journey", help="a pipeline that has run")
    parser.add_argument("--set", action="append", dest="overrides", metavar="KEY=VALUE", help="of the configuration")
    parser.add_argument("--model", help="folder of another Trainer's model to judge instead")
    arguments = parser.parse_args()
    config = load_config(arguments.config, arguments.overrides)
    try:
        record = RunRecord(config)
    except NoRun as missing:
        parser.error(str(missing))
    examples = record.outputs("RequestExamples")["examples"].uri
    model = arguments.model or record.outputs("Trainer")["model"].uri

    with tempfile.TemporaryDirectory() as folder:
        start, processor = time.perf_counter(), time.process_time()
        found = evaluate(config, examples, model, pathlib.Path(folder))
        seconds, processor_seconds = time.perf_counter() - start, time.process_time() - processor

    overall = found.slices[0].candidate
    known = [name for name, measured in group(overall).items() if not np.isnan(measured.value)]
    table = Table("requests", "metrics", "slices", "models", "resamples", "seconds", "of processor")
    row = [overall[REQUESTS], len(known), len(found.slices), 2, config.evaluation.resamples]
    table.add_row(*(f"{value:,.0f}" for value in row), f"{seconds:.1f}", f"{processor_seconds:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
