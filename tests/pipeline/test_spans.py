"""The rolling window of spans that a run reads."""

import os
import time

import pytest

from pipeline import config as configs
from pipeline import landing, spans
from pipeline.config import ConfigError


@pytest.fixture
def shop(tmp_path):
    """Makes a configuration over span folders of these names."""

    def make(*names: str, **values):
        for name in names:
            (tmp_path / "events" / name).mkdir(parents=True)
        overrides = {key.replace("__", "."): value for key, value in values.items()}
        return configs.load("movielens", {"data.source": None, "data.root": str(tmp_path)} | overrides)

    return make


def read(config) -> tuple[int | None, int | None]:
    return config.data.first_span, config.data.last_span


def test_the_window_ends_at_the_span_that_is_asked_for(shop):
    config = shop(*(f"span-{n}" for n in range(1, 13)), data__window_spans=4)
    assert read(spans.window(config, 9)) == (6, 9)
    assert read(spans.window(config, 2)) == (1, 2)
    assert read(spans.window(config)) == (9, 12)


def test_without_a_window_everything_up_to_the_span_is_read(shop):
    config = shop("span-3", "span-4", "span-5")
    assert read(spans.window(config, 4)) == (3, 4)


def test_nothing_changes_for_a_shop_that_asks_for_no_window(shop):
    config = shop("span-3", "span-4")
    assert spans.window(config) is config


def test_a_warm_start_needs_to_know_its_span(shop):
    config = shop("span-3", "span-4", training__warm_start__enabled=True)
    assert read(spans.window(config)) == (3, 4)


def test_a_window_counts_spans_and_not_numbers(shop):
    config = shop("span-20171218", "span-20171225", "span-20180101", ".span-20180108", "other", data__window_spans=2)
    assert read(spans.window(config)) == (20171225, 20180101)


def test_the_configured_limits_hold(shop):
    config = shop("span-1", "span-2", "span-3", "span-4", data__first_span=2, data__last_span=3, data__window_spans=4)
    assert read(spans.window(config)) == (2, 3)
    with pytest.raises(ConfigError, match=r"no span 4 in .*events: spans 1 to 4 are there, and .* is 2\.\.3"):
        spans.window(config, 4)


@pytest.mark.parametrize(("names", "found"), [((), "no folder span-N is there"), (("span-1",), "spans 1 to 1 are")])
def test_a_span_that_is_not_there_is_named(shop, names, found):
    with pytest.raises(ConfigError, match=f"no span 7 in .*{found}"):
        spans.window(shop(*names), 7)


@pytest.fixture
def land(tmp_path):
    """Writes files of a span that were last changed so many seconds ago."""

    def write(name: str, *files: str, seconds_ago: float = 0) -> None:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        then = time.time() - seconds_ago
        for file in files:
            (folder / file).write_text("rows")
            os.utime(folder / file, (then, then))
        os.utime(folder, (then, then))

    return write


def test_a_span_has_landed_once_nothing_has_changed_for_a_while(land, tmp_path):
    land("span-1", "a.parquet", seconds_ago=100)
    land("span-2", "a.parquet", seconds_ago=10)
    assert landing.landed(str(tmp_path), settle_seconds=60) == [1]
    assert landing.landed(str(tmp_path), settle_seconds=5) == [1, 2]


def test_a_marker_needs_no_waiting(land, tmp_path):
    land("span-7", "a.parquet", "_SUCCESS")
    assert landing.landed(str(tmp_path), settle_seconds=60) == [7]


def test_one_file_that_still_grows_keeps_a_span_from_landing(land, tmp_path):
    land("span-1", "a.parquet", "b.parquet", seconds_ago=100)
    os.utime(tmp_path / "span-1" / "b.parquet")
    assert landing.landed(str(tmp_path), settle_seconds=60) == []
    os.utime(tmp_path / "span-1" / "b.parquet", (0, 0))
    (tmp_path / "span-1" / ".c.parquet.part").write_text("rows")  # as rsync writes
    assert landing.landed(str(tmp_path), settle_seconds=60) == []


@pytest.mark.parametrize("name", [".span-2", "_span-2", "span-2.tmp", "span-", "other"])
def test_a_folder_by_another_name_is_no_span(land, tmp_path, name):
    land(name, "a.parquet", "_SUCCESS", seconds_ago=100)
    assert landing.landed(str(tmp_path), settle_seconds=60) == []


@pytest.mark.parametrize("files", [(), ("_SUCCESS",), ("_a.parquet", "_SUCCESS"), (".a.parquet",), ("notes.txt",)])
def test_a_span_without_data_has_not_landed(land, tmp_path, files):
    land("span-1", *files, seconds_ago=100)
    assert landing.landed(str(tmp_path), settle_seconds=60) == []


def test_where_nothing_is_yet_nothing_has_landed(tmp_path):
    assert landing.landed(str(tmp_path / "events"), settle_seconds=0) == []
