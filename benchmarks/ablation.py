"""What each part of the model earns: Complete Journey without it, judged on the problem that choices are made on.

    python -m benchmarks.ablation                        all parts, about ten minutes each on 2 cores
    python -m benchmarks.ablation "the pretrained text"  one of them, beside the whole
    python -m benchmarks.ablation --set model.item_to_item.items=0   the whole being another

Every row is a run of the pipeline and the answer of the model that it pushed. Below each mean stands its difference to
the whole, paired by household, with a 95 % interval; that of another seed says how much chance alone makes.
"""

import argparse
import sys
from collections.abc import Callable

import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.quality import FOLDER, complete_journey, intervals, pushed
from benchmarks.quality.judge import judge
from benchmarks.quality.lists import PROPERTIES
from benchmarks.quality.problem import Problem
from pipeline import config as configs
from pipeline.cli_options import settings_of
from pipeline.config import Config, Feature

# A worse model is what is looked for.
_UNGATED = {f"evaluation.{gate}": {} for gate in ("floors", "ceilings", "max_loss", "slice_max_loss", "max_gap")}


def _untrained(config: Config, matches: Callable[[Feature], bool]) -> dict[str, object]:
    """Settings in which the features that match train nothing."""
    features = [f.model_copy(update={"train": f.train and not matches(f)}) for f in config.features]
    return {"features": [feature.model_dump() for feature in features]}


def parts(config: Config) -> dict[str, dict[str, object]]:
    """By part, the settings that leave it out."""
    purchase = [head.model_dump() for head in config.model.heads if head.score_weight]
    return {
        "another seed": {"training.seed": config.training.seed + 1},
        "the pretrained text": _untrained(config, lambda f: f.kind == "text"),
        "item categories": _untrained(config, lambda f: (f.role, f.kind) == ("item", "categorical")),
        "profile and store": _untrained(config, lambda f: f.role != "item"),
        "candidates by embedding": {"serving.retrieved": 1},
        "popular candidates": {"serving.popular": 0},
        "item to item": {"model.item_to_item.items": 0},
        "old history": {"requests.history_length": 64},
        "the spend head": {"model.heads": purchase},
        "the warm-up": {"requests.warm_up_days": 0},
    }


def measure(problem: Problem, settings: dict[str, object]) -> dict[str, np.ndarray]:
    """Trains with the settings; gives every metric of lists, one value a household."""
    pushed.run_pipeline(complete_journey.CONFIG, settings)
    config = configs.load(complete_journey.CONFIG, settings)
    from benchmarks.quality import served  # imports TensorFlow, which the pipeline's own process needs not

    answer = served.answer(problem, config, pushed.newest(config), Console())
    return {name: values for name, values in judge(answer, problem).items() if name not in PROPERTIES}


def layout(whole: dict[str, np.ndarray], without: dict[str, dict[str, np.ndarray]], seed: int) -> Table:
    """A row a part: the mean without it, and what that changes."""
    table = Table(title="Without each part: mean, difference to the whole, 95 % interval", box=box.SIMPLE_HEAD)
    table.add_column("part", no_wrap=True)
    for name in whole:
        table.add_column(name.replace("first_time/", "first-time\n"), justify="right", no_wrap=True)
    table.add_row("none: the whole", *(f"{values.mean():.4f}" for values in whole.values()), end_section=True)
    for part, values in without.items():
        table.add_row(part, *(_cell(values[name], whole[name], seed) for name in whole), end_section=True)
    return table


def _cell(values: np.ndarray, whole: np.ndarray, seed: int) -> str:
    change = intervals.mean(values - whole, seed)
    low, high = change.interval
    return f"{values.mean():.4f}\n{change.value:+.4f}\n{low:+.4f} … {high:+.4f}"


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    known = parts(configs.load(complete_journey.CONFIG))
    parser = argparse.ArgumentParser("python -m benchmarks.ablation", description=__doc__.split("\n")[0])
    listed = ", ".join(known)
    parser.add_argument("parts", nargs="*", choices=(*known, "all"), default="all", metavar="PART", help=listed)
    parser.add_argument("--set", action="append", dest="overrides", metavar="KEY=VALUE", help="of the whole")
    asked = parser.parse_args(arguments)
    chosen = known if "all" in asked.parts else asked.parts
    console = Console(width=200)
    without: dict[str, dict[str, np.ndarray]] = {}
    try:
        settings = settings_of(asked.overrides) | _UNGATED
        config = configs.load(complete_journey.CONFIG, settings)
        _, problem = complete_journey.problems(config)
        problem, changes = complete_journey.for_shelfwise(config, problem, True, FOLDER)
        whole = measure(problem, settings | changes)
        for part in chosen:  # what is done is shown at once: all of it takes hours
            without[part] = measure(problem, settings | changes | known[part])
            console.print(layout(whole, without, config.training.seed))
    except (configs.ConfigError, pushed.NoModel, typer.BadParameter) as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
