"""What the pushed model is asked, in process and over gRPC."""

import pathlib

import models  # noqa: F401  (selects Keras 2 before anything imports TensorFlow)

# isort: split
import echo_model
import pytest
from rich.console import Console
from small_problem import problem

from benchmarks.quality import pushed, served
from pipeline import config as configs
from pipeline.config import Config

CONSOLE = Console(quiet=True)


@pytest.fixture(scope="module")
def version(tmp_path_factory) -> pushed.Pushed:
    return pushed.Pushed(echo_model.export(tmp_path_factory.mktemp("echo") / "1700000000"), 12.5)


def config(tmp_path: pathlib.Path, history_length: int = 256) -> Config:
    overrides = {"runs_dir": str(tmp_path), "requests.history_length": history_length}
    return configs.load("complete_journey", overrides)


def test_the_request_holds_the_history_and_the_circumstances_of_the_last_purchase(version, tmp_path):
    answer = served.answer(problem(), config(tmp_path), version, CONSOLE)
    ann = ["ann", "scene store", "store s2", "moment 1000", "k 100"]
    bought = ["milk 10 purchase", "milk 20 purchase", "bread 30 purchase"]
    assert answer.lists["all"]["ann"] == ann + bought
    assert answer.lists["first_time"]["ann"] == [*ann, *bought, "not bread", "not milk"]


def test_who_never_bought_is_asked_for_without_a_history(version, tmp_path):
    answer = served.answer(problem(), config(tmp_path), version, CONSOLE)
    assert answer.lists["all"]["cid"] == ["cid", "scene ", "store ", "moment 1000", "k 100"]


def test_without_repeats_what_was_seen_is_excluded(version, tmp_path):
    answer = served.answer(problem(repeats=False), config(tmp_path), version, CONSOLE)
    assert list(answer.lists) == ["all"]
    assert answer.lists["all"]["bob"][-1] == "not milk"


def test_a_long_history_is_cut_to_its_newest_events(version, tmp_path):
    answer = served.answer(problem(), config(tmp_path, history_length=2), version, CONSOLE)
    assert answer.lists["all"]["ann"][5:] == ["milk 20 purchase", "bread 30 purchase"]


def test_the_report_names_the_version_and_its_training(version, tmp_path):
    report = served.answer(problem(), config(tmp_path), version, CONSOLE).report
    assert (report.library, report.training_seconds) == ("version 1700000000", 12.5)
    assert report.inference_seconds_a_user > 0


def test_lists_over_grpc_are_told_apart_as_equal_equal_but_for_ties_and_different(version, tmp_path):
    shop = config(tmp_path)
    answer = served.answer(problem(), shop, version, CONSOLE)
    found = served.compare_over_grpc(problem(), shop, version, answer, 200, CONSOLE)
    assert (found.asked, found.equal, found.tied) == (3, 3, 0)
    ann, bob = answer.lists["all"]["ann"], answer.lists["all"]["bob"]
    answer.lists["all"]["ann"] = [*ann[:-2], ann[-1], ann[-2]]  # of equal score, as all history is
    answer.lists["all"]["bob"] = [bob[1], bob[0], *bob[2:]]  # of other scores
    answer.lists["all"]["cid"] = [*answer.lists["all"]["cid"][:-1], "milk"]
    found = served.compare_over_grpc(problem(), shop, version, answer, 200, CONSOLE)
    assert (found.asked, found.equal, found.tied) == (3, 0, 1)
