"""The command line: judges every method on each dataset, prints a table, and writes it under benchmarks/results."""

import argparse
import pathlib
import sys

import typer
from rich.console import Console

from benchmarks.quality import FOLDER, complete_journey, movielens_100k, peers_runner, pushed, results, table
from benchmarks.quality.answer import SHELFWISE, Answer, BadAnswer
from benchmarks.quality.problem import Problem
from pipeline import config as configs
from pipeline.cli_options import settings_of
from pipeline.data.dataset import DataError
from pipeline.data.wheels import WheelError
from pipeline.run_log import diverted, new_log

DATASETS = {"complete_journey": complete_journey, "movielens_100k": movielens_100k}
ENVIRONMENT = pathlib.Path(".venv-peers")
RESULTS = pathlib.Path("benchmarks/results")
_GRPC_USERS = 200
_WIDTH = 230


def run(name: str, methods: list[str] | None, earlier: bool, settings: dict[str, object]) -> None:
    """Measures one dataset and prints the table.

    Args:
        name: of the dataset.
        methods: which methods; None for all, whose table is also written under benchmarks/results.
        earlier: judge on the problem that choices are made on, and leave the reported one alone.
        settings: values that replace those of Shelfwise's configuration, by dotted key.
    """
    console = Console()
    dataset = DATASETS[name]
    config = configs.load(dataset.CONFIG, settings)
    with console.status(f"Preparing {name}"):
        reported, tuning = dataset.problems(config)
    problem = tuning if earlier else reported
    wanted = [*dataset.PEERS, SHELFWISE] if methods is None else methods
    answers: dict[str, Answer] = {}
    over_grpc = None
    if names := [method for method in wanted if method != SHELFWISE]:
        peers = peers_runner.Peers(peers_runner.environment(ENVIRONMENT), FOLDER)
        answers = {answer.report.method: answer for answer in peers.best_answers(names, problem, tuning)}
    if SHELFWISE in wanted:
        asked, changes = dataset.for_shelfwise(config, problem, earlier, FOLDER)
        config = configs.load(dataset.CONFIG, settings | changes)
        if changes or pushed.newest(config) is None:  # the tables are this program's, so nobody else runs on them
            pushed.run_pipeline(dataset.CONFIG, settings | changes)
        answers[SHELFWISE], over_grpc = _ask(config, asked)
    result = results.judged(problem, answers, over_grpc, {} if earlier else dataset.PUBLISHED)
    Console(width=max(console.width, _WIDTH)).print(table.layout(result))
    if over_grpc:
        console.print(
            f"{over_grpc.equal} of {over_grpc.asked} users got the same list over gRPC as in process, and "
            f"{over_grpc.tied} but for the order of items of equal score",
            soft_wrap=True,
        )
    if methods is None and not earlier:
        console.print(f"Written to {results.write(result, RESULTS)}")


def _ask(config: configs.Config, problem: Problem) -> tuple[Answer, results.GrpcCheck]:
    """The pushed model's answer, and how many lists are equal over gRPC; what TensorFlow says goes to the run's log."""
    version = pushed.newest(config)
    with diverted(new_log(config.run_dir)) as terminal:
        from benchmarks.quality import served  # not at the top: what TensorFlow says when imported belongs to the log

        console = Console(file=terminal)
        answer = served.answer(problem, config, version, console)
        return answer, served.compare_over_grpc(problem, config, version, answer, _GRPC_USERS, console)


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.quality", description=__doc__)
    parser.add_argument("datasets", nargs="*", choices=(*DATASETS, "all"), default="all", help="all by default")
    parser.add_argument("--methods", type=lambda text: text.split(","), help="such as popularity,als,shelfwise")
    parser.add_argument("--earlier", action="store_true", help="judge on the problem that choices are made on")
    parser.add_argument("--set", action="append", dest="overrides", metavar="KEY=VALUE", help="as for `shelfwise run`")
    options = parser.parse_args(arguments)
    if "all" in options.datasets:
        options.datasets = list(DATASETS)
    return options


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status; what a user can mend is a message on stderr."""
    options = options_of(arguments)
    try:
        settings = settings_of(options.overrides)
        for name in options.datasets:
            run(name, options.methods, options.earlier, settings)
    except (
        *(configs.ConfigError, DataError, WheelError),
        *(BadAnswer, peers_runner.PeerFailed, pushed.NoModel, typer.BadParameter),
    ) as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
