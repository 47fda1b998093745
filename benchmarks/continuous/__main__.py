"""Six weeks of Complete Journey: warm start against cold start and against the first model, each week as it lands.

    python -m benchmarks.continuous                     300 households
    python -m benchmarks.continuous --households 2469   all of them

The warm arm is the pipeline itself, `shelfwise run --span n`, gates included. The cold arm trains on the same examples
from nothing. The frozen arm is the first week's model. All are asked what each household will buy in the following
week, which none of them has seen, through the exported model's `recommend`. Stopped, it goes on from the last week that
was judged.
"""

import argparse
import concurrent.futures
import datetime
import json
import multiprocessing
import pathlib
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable

import numpy as np
from rich.console import Console

from benchmarks.continuous import ARMS, CONFIG, FOLDER, METRICS, arms, plot
from benchmarks.continuous.results import Differences, Judged, Results, Week, layout
from benchmarks.continuous.shop import WeeklyShop
from benchmarks.quality import pushed
from pipeline import config as configs
from pipeline import span_record
from pipeline.config import Config
from pipeline.run_record import RunRecord


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser("python -m benchmarks.continuous", description=__doc__.split("\n")[0])
    parser.add_argument("--households", type=int, default=300)
    parser.add_argument("--first", type=int, default=46, help="the span of the first model")
    parser.add_argument("--weeks", type=int, default=6, help="how many weeks follow it")
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER)
    asked = parser.parse_args(arguments)
    console = Console(width=180)

    overrides = _overrides(asked.folder)
    config = configs.load(CONFIG, overrides)
    seed, window = config.training.seed, config.data.window_spans
    _keep_only_what_is_of(asked.folder, {"households": asked.households, "first": asked.first} | config.model_dump())
    shop = WeeklyShop(asked.folder, asked.households, window, seed)
    results = Results(
        date=datetime.date.today(),
        seed=seed,
        households=asked.households,
        window_spans=window,
        epochs={"cold": config.training.epochs, "warm": config.training.warm_start.epochs},
        machine=f"{platform.processor() or platform.machine()}, {multiprocessing.cpu_count()} cores",
    )
    differences = Differences(seed)
    if asked.first not in span_record.finished(config):
        shop.land(asked.first)
        _run(asked.first, config, overrides)
    frozen = config.serving_dir / span_record.finished(config)[asked.first]
    for span in range(asked.first + 1, asked.first + asked.weeks + 1):
        kept = asked.folder / "weeks" / f"{span}.json"
        if not kept.exists():
            judged = _judge(span, shop, config, overrides, frozen)
            kept.parent.mkdir(exist_ok=True)
            kept.with_suffix(".partial").write_text(judged.model_dump_json())
            kept.with_suffix(".partial").rename(kept)
        judged = Judged.model_validate_json(kept.read_text())
        differences.add(judged.values)
        results.weeks.append(judged.week)
        results.differences = differences.figures()
        results.write()
        plot.write(results)
        console.print(layout(results))
    return 0


def _judge(span: int, shop: WeeklyShop, config: Config, overrides: dict[str, object], frozen: pathlib.Path) -> Judged:
    """Lets a week land, trains both arms, and judges all three on the week after it."""
    items = shop.land(span)
    _run(span, config, overrides)
    warm, problem = pushed.newest(config), shop.problem(span)
    cold = config.run_dir / "cold" / str(span)
    shutil.rmtree(cold, ignore_errors=True)
    folders = dict(zip(ARMS, (warm.folder, cold, frozen), strict=True))
    cold_seconds, values = _apart(arms.train_cold_and_judge, overrides, problem, folders)
    week = Week(
        span=span,
        households=len(problem.queries),
        items=items,
        seconds={"warm": warm.training_seconds, "cold": cold_seconds},
        values={arm: {name: float(np.mean(list(values[arm][name].values()))) for name in METRICS} for arm in ARMS},
        **_warm_start(config),
    )
    return Judged(week=week, values=values)


def _keep_only_what_is_of(folder: pathlib.Path, settings: dict[str, object]) -> None:
    """Removes what an earlier benchmark with other settings left; one that was stopped goes on from its last week."""
    file, text = folder / "settings.json", json.dumps(settings, indent=2, default=str)
    if not file.exists() or file.read_text() != text:
        for name in ("runs", "shop", "weeks"):
            shutil.rmtree(folder / name, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def _overrides(folder: pathlib.Path) -> dict[str, object]:
    return {
        "data.source": None,
        "data.root": str(folder / "shop"),
        "runs_dir": str(folder / "runs"),
        # What no figure of this benchmark depends on takes less time.
        "evaluation.resamples": 100,
        "serving.batch_sizes": [1, 16],
        "serving.validation_requests": 5,
    }


def _run(span: int, config: Config, overrides: dict[str, object]) -> None:
    """`shelfwise run --span` in a process of its own; a model that the gates refuse is a result, too.

    Raises:
        NoModel: it did not come to its end.
    """
    command = [sys.executable, "-m", "pipeline.cli", "run", CONFIG, "--span", str(span)]
    for key, value in overrides.items():
        command += ["--set", f"{key}={json.dumps(value)}"]
    subprocess.run(command, check=False)
    if span not in span_record.finished(config):
        raise pushed.NoModel(f"`{shlex.join(command)}` did not come to its end; why stands above")


def _apart(function: Callable, *arguments: object) -> object:
    """Calls a function in a new process."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def _warm_start(config: Config) -> dict[str, object]:
    """How the newest run's model began, and whether it was pushed."""
    outputs = RunRecord(config)
    model = pathlib.Path(outputs.outputs("Trainer")["model"].uri)
    begun = json.loads((model / "Format-Serving" / "assets.extra" / "warm_start" / "start.json").read_text())
    ids = begun["rows"].get("item_tower/ids/embeddings")
    return {
        "start": begun["kind"],
        "new_items": ids["new"] if ids else None,
        "pushed": bool(outputs.outputs("Pusher")["pushed_model"].custom_properties["pushed"].int_value),
    }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except pushed.NoModel as error:
        sys.exit(f"error: {error}")
