"""Finds the newest evaluation of a pipeline and prints it."""

import pathlib

from rich.console import Group

from components.evaluation import report, report_table
from pipeline.config import Config


def newest_evaluation(config: Config) -> pathlib.Path:
    """Folder of the newest finished evaluation.

    Raises:
        FileNotFoundError: there is none yet.
    """
    evaluations = config.run_dir / "artifacts" / "Evaluator" / "evaluation"
    finished = sorted(evaluations.glob("*/validations*"), key=lambda path: int(path.parent.name))
    if not finished:
        raise FileNotFoundError(f"no evaluation under {evaluations}; run `shelfwise run {config.name}` first")
    return finished[-1].parent


def latest(config: Config) -> Group:
    """The newest evaluation's metrics by slice, and the verdict."""
    folder = newest_evaluation(config)
    found = report.load_results(str(folder))
    cutoffs = config.evaluation.cutoffs
    names = [f"{prefix}{name}" for prefix in ("", "first_time/") for name in _names(cutoffs)]
    return Group(report_table.metrics_table(found, names), report_table.verdict(found), f"evaluation: {folder}")


def _names(cutoffs: list[int]) -> list[str]:
    return [f"ndcg@{cutoffs[0]}", *(f"recall@{cutoff}" for cutoff in cutoffs[1:])]
