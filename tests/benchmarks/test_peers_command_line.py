"""What a peer reads, writes and refuses, through its command line."""

import json
import os
import pathlib

import pandas as pd
import peers_problem
import pytest

from benchmarks.quality.peers import __main__ as command_line
from benchmarks.quality.peers.methods import METHODS

EVENTS = [
    ("ann", "milk", 1, "a1"),
    ("ann", "milk", 98, "a2"),
    ("ann", "bread", 99, "a3"),
    ("bob", "beer", 97, "b1"),
    ("bob", "wine", 98, "b2"),
    ("cid", "wine", 98, "c1"),
    ("cid", "beer", 3, "c0"),
    ("cid", "beer", 2, "c0"),
]
QUERIES = ["new", "ann", "bob"]


def lists(folder: pathlib.Path, task: str) -> dict[str, list[str]]:
    table = pd.read_parquet(folder / f"{task}.parquet")
    assert table["rank"].dtype == "int32"
    assert table["rank"].tolist() == table.groupby("user_id").cumcount().tolist()
    return table.groupby("user_id", sort=False)["item_id"].agg(list).to_dict()


def answer(tmp_path: pathlib.Path, method: str, parameters: dict | None = None, **changes) -> pathlib.Path:
    problem = peers_problem.write(tmp_path / "problem", EVENTS, QUERIES, **changes)
    given = [] if parameters is None else ["--parameters", json.dumps(parameters)]
    assert command_line.main([method, str(problem), str(tmp_path / "answer"), *given]) == 0
    return tmp_path / "answer"


def refusal(arguments: list, capsys) -> str:
    assert command_line.main([str(argument) for argument in arguments]) == 2
    return capsys.readouterr().err


def test_popularity_lists_what_most_took_lately(tmp_path):
    # In the last 28 days: wine 2, then milk, bread and beer once each, in the order in which they were first taken:
    # milk on day 1, beer on day 2, bread on day 99.
    found = lists(answer(tmp_path, "popularity", {"days": 28}), "all")
    assert found == {user: ["wine", "milk", "beer"] for user in QUERIES}
    assert list(found) == QUERIES


def test_popularity_of_all_time_counts_every_event(tmp_path):
    # Beer 3; milk and wine 2, milk first taken earlier.
    assert lists(answer(tmp_path, "popularity", {"days": None}), "all")["ann"] == ["beer", "milk", "wine"]


def test_a_short_list_goes_on_with_what_most_ever_took(tmp_path):
    # Since day 98: wine 2, milk and bread 1; then beer.
    found = lists(answer(tmp_path, "popularity", {"days": 2}, list_length=4), "all")
    assert found["ann"] == ["wine", "milk", "bread", "beer"]


def test_first_time_lists_leave_out_what_the_user_took(tmp_path):
    found = lists(answer(tmp_path, "popularity", {"days": 28}), "first_time")
    assert found == {"new": ["wine", "milk", "beer"], "ann": ["wine", "beer"], "bob": ["milk", "bread"]}


def test_without_repeats_the_only_lists_leave_out_what_the_user_took(tmp_path):
    folder = answer(tmp_path, "popularity", {"days": None}, repeats=False)
    assert lists(folder, "all")["ann"] == ["beer", "wine"]
    assert not (folder / "first_time.parquet").exists()


def test_own_frequency_ranks_by_decayed_counts_and_lists_nothing_else(tmp_path):
    # Ann's milk: 0.9 ** (99 / 7) + 0.9 ** (2 / 7) = 0.225 + 0.970 = 1.196; bread: 0.9 ** (1 / 7) = 0.985.
    folder = answer(tmp_path, "own_frequency", {"weekly_decay": 0.9})
    assert lists(folder, "all") == {"new": ["beer", "milk", "wine"], "ann": ["milk", "bread"], "bob": ["wine", "beer"]}
    assert lists(folder, "first_time") == {}


def test_own_frequency_forgets_what_was_taken_long_ago(tmp_path):
    # Milk: 0.1 ** (99 / 7) + 0.1 ** (2 / 7) = 0.518; bread: 0.1 ** (1 / 7) = 0.720.
    assert lists(answer(tmp_path, "own_frequency", {"weekly_decay": 0.1}), "all")["ann"] == ["bread", "milk"]


def test_the_report_tells_method_parameters_and_cost(tmp_path):
    report = json.loads((answer(tmp_path, "own_frequency") / "report.json").read_text())
    assert report["method"] == "own_frequency"
    assert report["parameters"] == METHODS["own_frequency"].grid[0]
    assert report["library"] == "own code"
    assert report["training_seconds"] >= 0
    assert report["inference_seconds_a_user"] > 0
    assert report["peak_memory_mib"] > 1


def test_an_earlier_answer_is_replaced_as_a_whole(tmp_path):
    answer(tmp_path, "popularity")
    folder = answer(tmp_path, "popularity", repeats=False)
    assert sorted(os.listdir(folder)) == ["all.parquet", "report.json"]
    assert sorted(os.listdir(tmp_path)) == ["answer", "problem"]


def test_a_folder_with_something_else_is_not_overwritten(tmp_path, capsys):
    problem = peers_problem.write(tmp_path / "problem", EVENTS, QUERIES)
    (tmp_path / "answer").mkdir()
    (tmp_path / "answer" / "thesis.txt").write_text("years of work")
    assert "holds something else" in refusal(["popularity", problem, tmp_path / "answer"], capsys)
    assert (tmp_path / "answer" / "thesis.txt").exists()


def test_the_grids_are_printed_as_json(capsys):
    assert command_line.main(["--list"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["own_frequency"] == [{"weekly_decay": decay} for decay in (0.95, 0.9, 0.98, 1.0)]
    assert set(printed) == set(METHODS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["oracle", "P", "A"], "no method 'oracle'"),
        (["popularity", "P"], "ANSWER_DIR"),
        (["popularity", "P", "A", "--parameters", '{"weeks": 4}'], "no parameter 'weeks'; it has days"),
        (["popularity", "P", "A", "--parameters", "{days"], "--parameters is no JSON"),
        (["popularity", "P", "A", "--parameters", "[4]"], "must be a JSON object"),
        (["popularity", "absent", "A"], "problem.json is missing"),
    ],
)
def test_a_wrong_call_is_refused_with_the_reason(tmp_path, capsys, arguments, message):
    folders = {"P": peers_problem.write(tmp_path / "problem", EVENTS, QUERIES), "A": tmp_path / "answer"}
    assert message in refusal([folders.get(argument, argument) for argument in arguments], capsys)
    assert not (tmp_path / "answer").exists()


def test_a_missing_table_is_named(tmp_path, capsys):
    problem = peers_problem.write(tmp_path / "problem", EVENTS, QUERIES)
    (problem / "queries.parquet").unlink()
    assert "queries.parquet is missing" in refusal(["popularity", problem, tmp_path / "answer"], capsys)


def test_a_missing_column_is_named(tmp_path, capsys):
    problem = peers_problem.write(tmp_path / "problem", EVENTS, QUERIES)
    pd.read_parquet(problem / "past.parquet").drop(columns="item_id").to_parquet(problem / "past.parquet")
    assert "no column 'item_id'" in refusal(["popularity", problem, tmp_path / "answer"], capsys)


def test_an_event_from_after_the_moment_is_refused(tmp_path, capsys):
    problem = peers_problem.write(tmp_path / "problem", [*EVENTS, ("ann", "milk", 100, "a4")], QUERIES)
    assert "not before moment" in refusal(["popularity", problem, tmp_path / "answer"], capsys)


def test_a_missing_key_of_the_problem_is_named(tmp_path, capsys):
    problem = peers_problem.write(tmp_path / "problem", EVENTS, QUERIES)
    (problem / "problem.json").write_text('{"name": "small", "moment": 1}')
    assert "has no 'window_days'" in refusal(["popularity", problem, tmp_path / "answer"], capsys)
