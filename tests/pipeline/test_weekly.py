"""Weeks that land, a watch that is killed over and over, and what is told of the versions that came of it."""

import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from models import warm_start
from pipeline import config as configs
from pipeline import span_record
from pipeline.data import complete_journey

_CONFIG = str(pathlib.Path(__file__).parent / "weekly.yaml")
_PATIENCE = 1200  # seconds; how long a step takes is no matter here

pytestmark = pytest.mark.timeout(2 * _PATIENCE)  # the first test waits for five watches


class Weeks:
    """The shop of weekly.yaml, whose weeks land when they are told to, under a real `shelfwise watch`."""

    def __init__(self, folder: pathlib.Path):
        self._whole, self._root = folder / "whole", folder / "data"
        complete_journey.prepare(self._whole, 20)
        for table in ("items", "users"):
            shutil.copytree(self._whole / table, self._root / table)
        self.overrides = {"data.root": str(self._root), "runs_dir": str(folder / "runs")}
        self._out = folder / "out"

    @property
    def config(self) -> configs.Config:
        return configs.load(_CONFIG, self.overrides)

    @property
    def arguments(self) -> list[str]:
        return [_CONFIG, *(word for key, value in self.overrides.items() for word in ("--set", f"{key}={value}"))]

    @property
    def versions(self) -> list[str]:
        """Names of the version folders, and of anything else where servers look for them."""
        return sorted(path.name for path in self.config.serving_dir.glob("*"))

    def land(self, *weeks: int) -> None:
        for week in weeks:
            aside = self._root / "events" / f".span-{week}"
            shutil.copytree(self._whole / "events" / f"span-{week}", aside)
            aside.rename(aside.with_name(f"span-{week}"))

    def watch(self) -> str:
        """Lets a watch come to its end; returns what it said."""
        process = self._start()
        assert process.wait(_PATIENCE) == 0, self._out.read_text()
        return self._out.read_text()

    def kill_when(self, is_time: Callable[[str], bool]) -> None:
        """Kills a watch once what it says so far, or what is there, is as wanted; its pipeline has to go with it."""
        process = self._start()
        deadline = time.monotonic() + _PATIENCE
        while not is_time(self._out.read_text()):
            assert process.poll() is None, self._out.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        while self._processes() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self._processes() == []

    def _start(self) -> subprocess.Popen:
        command = [sys.executable, "-m", "pipeline.cli", "watch", *self.arguments, "--once", "--settle", "0"]
        with open(self._out, "w") as out:
            return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)

    def _processes(self) -> list[str]:
        """Command lines of living processes that work for this shop, the server of InfraValidator aside."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().decode().split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if f"runs_dir={self.overrides['runs_dir']}" in words:
                found.append(" ".join(words))
        return found


@pytest.fixture(scope="module")
def weeks(tmp_path_factory):
    return Weeks(tmp_path_factory.mktemp("weeks"))


@pytest.fixture(scope="module")
def first_span(weeks):
    """The version of the first span, after a watch of it was killed at four points."""
    weeks.land(40, 41, 42, 43, 44)
    weeks.kill_when(lambda said: "  EventsGen " in said)  # on the way to the examples
    weeks.kill_when(lambda said: "  Transform " in said)  # while it trains
    weeks.kill_when(lambda said: bool(weeks.versions))  # while it copies the version aside
    # The version is there, and may not be on record yet.
    weeks.kill_when(lambda said: any(name.isdecimal() for name in weeks.versions))
    weeks.watch()
    return weeks.versions


@pytest.fixture(scope="module")
def second_span(weeks, first_span):
    """The versions once another span has landed, whose first watch was killed, too."""
    weeks.land(45)
    weeks.kill_when(lambda said: "  RequestExamples " in said)
    assert "Span 45 has landed." in weeks.watch()
    return weeks.versions


def test_kill_9_while_it_ingests_trains_or_pushes_costs_no_span_and_pushes_none_twice(weeks, first_span):
    (version,) = first_span
    assert span_record.finished(weeks.config) == {44: version}


def test_a_watch_that_finds_everything_done_does_nothing(weeks, first_span):
    assert "Every span that has landed is done." in weeks.watch()
    assert weeks.versions == first_span


def test_every_span_pushes_one_version(weeks, first_span, second_span):
    assert len(second_span) == 2
    assert span_record.finished(weeks.config) == {44: first_span[0], 45: second_span[1]}


def test_a_model_goes_on_from_the_blessed_one_of_the_span_before(weeks, second_span):
    first, second = (warm_start.read_start(str(weeks.config.serving_dir / version)) for version in second_span)
    assert first.kind == "cold"
    assert first.reason == "there is no blessed model of an earlier span"
    assert second.is_warm
    assert second.rows["item_tower/ids/embeddings"].gone == 0


def test_the_lineage_of_a_version_names_all_that_made_it(weeks, second_span, shelfwise):
    first, second = second_span
    told = shelfwise("lineage", weeks.arguments[0], second, *weeks.arguments[1:], "--json")
    assert told.code == 0, told.errors
    found = json.loads(told.output)
    assert found["version"] == int(second)
    assert (found["events"]["first_span"], found["events"]["last_span"]) == (41, 45)
    assert found["events"]["rows"] > 100
    assert found["config"]["training"]["warm_start"]["epochs"] == 1
    assert found["config"]["data"]["last_span"] == 45
    assert found["code"]
    assert found["start"]["kind"] == "warm"
    assert (found["parent"]["span"], found["parent"]["version"]) == (44, int(first))
    assert found["baseline"]["version"] == int(first)
    assert found["blessed"]
    assert 0 <= found["metrics"]["ndcg@10"]["value"] <= 1
    assert found["metrics"]["ndcg@10"]["baseline"] is not None
    schema = pathlib.Path(found["schemas"]["events"]["uri"], "schema.pbtxt").read_text()
    assert schema == pathlib.Path(weeks.config.schema_dir, "events.pbtxt").read_text()

    newest = shelfwise("lineage", *weeks.arguments).output
    assert re.search(rf"^version +{second}, pushed to", newest)
    assert re.search(r"^spans +41 to 45: ", newest, re.MULTILINE)
    assert re.search(rf"^training began +warm, from version {first}, of span 44", newest, re.MULTILINE)


def test_a_version_that_was_never_pushed_is_told_from_those_that_were(weeks, second_span, shelfwise):
    told = shelfwise("lineage", weeks.arguments[0], "5", *weeks.arguments[1:])
    assert told.code == 1
    assert f"weekly has no version 5 on record: on record are {', '.join(second_span)}" in told.errors


def test_a_span_that_is_run_again_takes_everything_from_the_cache(weeks, second_span, shelfwise):
    again = shelfwise("run", *weeks.arguments, "--span", "45")
    assert again.code == 0, again.errors
    assert weeks.versions == second_span
    assert set(again.ran()) <= {"Parent", "Baseline"}  # resolvers, which are asked anew each time
