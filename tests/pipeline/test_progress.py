import io
import logging

import pytest
from rich.console import Console

from pipeline import progress

OUTCOMES = {"EventsGen": (False, "10 read"), "Transform": (True, ""), "Trainer": (False, "")}


@pytest.fixture
def lines():
    """What a plain file gets to see of the given log records, line by line."""

    def of(*records: tuple) -> list[str]:
        console = Console(file=io.StringIO(), width=100)
        logger = logging.getLogger()
        level = logger.level
        logger.setLevel(logging.INFO)
        try:
            with progress.ProgressHandler(console, OUTCOMES.__getitem__):
                for message, *arguments in records:
                    logger.info(message, *arguments)
        finally:
            logger.setLevel(level)
        return console.file.getvalue().splitlines()

    return of


def _during(component: str, *records: tuple) -> list[tuple]:
    return [("Component %s is running.", component), *records, ("Component %s is finished.", component)]


def test_a_finished_component_is_a_line_with_its_time_and_counts(lines):
    (line,) = lines(*_during("EventsGen"))
    assert line.split() == ["EventsGen", "0.0", "s", "10", "read"]


def test_a_cached_component_says_so_instead_of_a_time(lines):
    (line,) = lines(*_during("Transform"))
    assert line.split() == ["Transform", "cached"]


def test_training_ends_with_the_losses_of_its_last_epoch(lines):
    (line,) = lines(
        *_during(
            "Trainer",
            ("epoch 1 of 2: joint loss 14.1515, spend loss 93.4865, val joint loss 10.2663, val spend loss 22.3965",),
            ("epoch 2 of 2: joint loss 9.5000, spend loss 80.1000, val joint loss 8.2500, val spend loss 21.0000",),
        )
    )
    assert line.endswith("epoch 2 of 2: joint loss 9.5000, val joint loss 8.2500")


def test_without_a_terminal_a_long_component_says_now_and_then_how_far_it_is(lines, monkeypatch):
    monkeypatch.setattr(progress, "_PLAIN_SECONDS", 0)
    found = lines(*_during("Trainer", ("encoding item texts: %d of %d", 128, 5866), ("something else",)))
    assert [line.split("  ")[-1].strip() for line in found[:1]] == ["encoding item texts: 128 of 5866"]
    assert len(found) == 2


def test_a_search_is_a_line_a_trial_and_ends_with_the_best(lines):
    trials = [f"trial {n} of 2: ranking loss 0.5{n}, training.learning_rate 0.0{n}" for n in (1, 2)]
    best = "best trial, number 1: ranking loss 0.51, training.learning_rate 0.01"
    epoch = "epoch 1 of 1: joint loss 9.5"
    found = lines(*_during("Trainer", (epoch,), (trials[0],), (epoch,), (trials[1],), (best,)))
    assert [line.split(" s  ")[1] for line in found] == [*trials, best]


def test_an_interrupted_training_says_where_it_goes_on(lines, monkeypatch):
    monkeypatch.setattr(progress, "_PLAIN_SECONDS", 0)
    found = lines(*_during("Trainer", ("an interrupted training goes on at epoch %d, step %d", 2, 13)))
    assert found[0].endswith("an interrupted training goes on at epoch 2, step 13")


def test_a_minute_and_more_is_written_in_minutes():
    assert progress._clock(59.94) == "59.9 s"
    assert progress._clock(60) == "1:00 min"
    assert progress._clock(119.8) == "2:00 min"
