"""What is done in a process of its own each week, so that its memory is free again: training anew, and judging."""

import pathlib
import time
from collections.abc import Mapping

import numpy as np
from rich.console import Console

from benchmarks.continuous import CONFIG, METRICS
from benchmarks.quality.problem import Problem
from pipeline import config as configs
from pipeline.run_record import RunRecord
from schemas.request_example import CATALOG_SPLIT, USERS_SPLIT


def train_cold_and_judge(
    overrides: Mapping[str, object], problem: Problem, folders: Mapping[str, pathlib.Path]
) -> tuple[float, dict[str, dict[str, dict[str, float]]]]:
    """Trains the cold arm into its folder; returns the seconds that took, and what `judge` says of all arms."""
    return train_cold(overrides, folders["cold"]), judge(overrides, problem, folders)


def train_cold(overrides: Mapping[str, object], folder: pathlib.Path) -> float:
    """Trains a model from nothing on what the newest run transformed; returns the seconds that Trainer took for it.

    Args:
        overrides: of the shop's configuration.
        folder: for the SavedModel.
    """
    from tfx.components.trainer.fn_args_utils import FnArgs

    from models import trainer
    from models.settings import TrainerSettings

    config = configs.load(CONFIG, overrides)
    transformed = RunRecord(config).outputs("Transform")
    examples = transformed["transformed_examples"].uri
    splits = ("validation", CATALOG_SPLIT, USERS_SPLIT)
    args = FnArgs(
        train_files=[f"{examples}/Split-train/*"],
        eval_files=[f"{examples}/Split-{split}/*" for split in splits],
        transform_graph_path=transformed["transform_graph"].uri,
        serving_model_dir=str(folder),
        model_run_dir=f"{folder}-run",
        custom_config={"settings": TrainerSettings.of(config).model_dump_json()},
    )
    started = time.monotonic()
    trainer.run_fn(args)
    return time.monotonic() - started


def judge(
    overrides: Mapping[str, object], problem: Problem, folders: Mapping[str, pathlib.Path]
) -> dict[str, dict[str, dict[str, float]]]:
    """By arm, metric and household, the value of the list that the arm's model gives."""
    from benchmarks.quality import served
    from benchmarks.quality.judge import judge as judge_lists
    from benchmarks.quality.pushed import Pushed

    config = configs.load(CONFIG, overrides)
    households = {
        "": list(problem.answers("all")),
        "first_time": list(problem.answers("first_time")),
    }
    found: dict[str, dict[str, dict[str, float]]] = {}
    answered: dict[pathlib.Path, dict[str, np.ndarray]] = {}
    for arm, folder in folders.items():
        if folder not in answered:  # arms may still share a model
            answer = served.answer(problem, config, Pushed(folder, None), Console(quiet=True))
            answered[folder] = judge_lists(answer, problem)
        found[arm] = {
            name: dict(zip(households[name.rpartition("/")[0]], answered[folder][name].tolist(), strict=True))
            for name in METRICS
        }
    return found
