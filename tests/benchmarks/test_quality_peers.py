"""How the methods of others are run, chosen and kept, with a stand-in for their package."""

import pathlib
import shutil
import sys

import pytest
from small_problem import problem

from benchmarks.quality.peers_runner import PeerFailed, Peers

PACKAGE = pathlib.Path(__file__).parent / "fake_peers"


def peers(folder: pathlib.Path, package: pathlib.Path = PACKAGE) -> Peers:
    return Peers(pathlib.Path(sys.executable), folder, package)


def test_the_parameters_that_do_best_on_the_earlier_problem_answer_the_reported_one(tmp_path):
    # Wine is what the reported problem wants and milk what the earlier one wants: only the latter may decide.
    reported = problem(relevant={"ann": {"wine"}})
    [answer] = peers(tmp_path).best_answers(["fixed"], reported, problem())
    assert answer.report.parameters == {"items": ["milk"]}
    assert answer.lists["all"] == {"ann": ["milk"]}


def test_what_was_answered_once_is_not_run_again(tmp_path):
    for _ in range(2):
        list(peers(tmp_path).best_answers(["fixed"], problem(relevant={"ann": {"wine"}}), problem()))
    assert len((tmp_path / "calls.txt").read_text().splitlines()) == 3  # two sets on the earlier problem, one reported


def test_an_answer_is_kept_by_problem_parameters_and_code(tmp_path):
    changed = pathlib.Path(shutil.copytree(PACKAGE, tmp_path / "fake_peers"))
    with (changed / "__main__.py").open("a") as code:
        code.write("# changed\n")
    (tmp_path / "locked").mkdir()
    locked = pathlib.Path(shutil.copytree(PACKAGE, tmp_path / "locked" / "fake_peers"))
    (locked / "requirements.lock").write_text("numpy==2.4.6\n")
    one, other = pathlib.Path("problems/one"), pathlib.Path("problems/other")
    folders = [
        peers(tmp_path).answer_folder("fixed", {"a": 1, "b": 2}, one),
        peers(tmp_path).answer_folder("fixed", {"a": 1, "b": 3}, one),
        peers(tmp_path).answer_folder("fixed", {"a": 1, "b": 2}, other),
        peers(tmp_path).answer_folder("other", {"a": 1, "b": 2}, one),
        peers(tmp_path, changed).answer_folder("fixed", {"a": 1, "b": 2}, one),
        peers(tmp_path, locked).answer_folder("fixed", {"a": 1, "b": 2}, one),
    ]
    assert len(set(folders)) == len(folders)
    assert peers(tmp_path).answer_folder("fixed", {"b": 2, "a": 1}, one) == folders[0]


def test_a_method_that_fails_says_why(tmp_path):
    with pytest.raises(PeerFailed, match="out of memory while factorising"):
        list(peers(tmp_path).best_answers(["broken"], problem(), problem()))


def test_an_unknown_method_is_told_the_known_ones(tmp_path):
    with pytest.raises(PeerFailed, match="no method slx; there are fixed, broken"):
        list(peers(tmp_path).best_answers(["slx"], problem(), problem()))
