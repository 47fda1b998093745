"""Lists for every shopper, by a model that answers with what it was told."""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from rich.console import Console

from models.settings import TransformSettings
from pipeline import batch
from pipeline.config import Config
from pipeline.run_record import NoRun
from pipeline.shop import NoTables, Shop
from schemas import signatures


def echo(settings: TransformSettings, folder: pathlib.Path) -> None:
    """A model that lists the history, each item with its age in seconds, and gives scene and store as the reason."""

    def recommend(history_item_ids, history_timestamps, timestamp, scene, context_store, k, **_):
        width = tf.minimum(tf.reduce_max(k), tf.shape(history_item_ids)[1])
        item_ids = history_item_ids[:, :width]
        reason = tf.strings.join([scene, context_store], separator=" ")[:, tf.newaxis]
        return {
            "item_ids": item_ids,
            "scores": tf.cast(timestamp[:, tf.newaxis] - history_timestamps[:, :width], tf.float32),
            "reasons": tf.where(item_ids == "", "", tf.broadcast_to(reason, tf.shape(item_ids))),
        }

    specs = signatures.recommend_inputs(settings)
    named = {name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in specs.items()}
    function = tf.function(recommend).get_concrete_function(**named)
    module = tf.Module()
    module.recommend = function
    tf.saved_model.save(module, str(folder), signatures={"recommend": function})


@pytest.fixture(scope="module")
def model(tmp_path_factory, tables) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("model") / "echo"
    echo(TransformSettings.of(shop_config(tables, tables)), folder)
    return folder


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> pathlib.Path:
    root = tmp_path_factory.mktemp("tables")

    def write(path: str, columns: dict) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), root / path)

    # `ann` bought c, a, b in this order; `bob` only looked; `eve` has a profile and nothing else.
    write("events/span-1/a.parquet", {
        "user_id": ["ann", "bob", "ann"], "item_id": ["a", "b", "c"], "timestamp": [30, 40, 20],
        "event": ["purchase", "click", "purchase"],
    })  # fmt: skip
    write("events/span-2/a.parquet", {
        "user_id": ["ann", "ann", None], "item_id": ["b", "a", "f"], "timestamp": [50, 60, 99],
        "event": ["purchase", "click", "purchase"], "store": ["north", "south", "x"], "scene": ["web", "app", "x"],
    })  # fmt: skip
    write("users/a.parquet", {"user_id": ["bob", "eve"]})
    write("items/a.parquet", {"item_id": ["a", "b", "c"]})
    return root


def shop_config(tables: pathlib.Path, runs: pathlib.Path, **requests) -> Config:
    return Config.model_validate(
        {
            "name": "shop",
            "data": {"root": str(tables)},
            "schema_dir": "schemas",
            "features": [{"name": "store", "role": "context", "kind": "categorical"}],
            "requests": {"positive_events": ["purchase"], **requests},
            "model": {"heads": [{"name": "purchase", "events": ["purchase"]}]},
            "runs_dir": str(runs),
        }
    )


@pytest.fixture
def config(tables, model, tmp_path):
    """The shop, with the model pushed as version 7."""

    def make(**requests) -> Config:
        config = shop_config(tables, tmp_path / "runs", **requests)
        config.serving_dir.mkdir(parents=True, exist_ok=True)
        if not (config.serving_dir / "7").exists():
            (config.serving_dir / "7").symlink_to(model)
        return config

    return make


@pytest.fixture
def lists(config, tmp_path):
    """Writes the lists; gives them as (user, rank, item, score, reason)."""

    def run(k: int, **requests) -> list[tuple]:
        written = batch.run(config(**requests), k, tmp_path / "lists", Console(quiet=True))
        table = pq.read_table(written.folder)
        assert (written.version, written.num_shoppers, written.num_rows) == (7, 3, len(table))
        return sorted(tuple(row.values()) for row in table.to_pylist())

    return run


def test_a_list_is_made_of_the_history_and_the_circumstances_of_the_last_event(lists):
    # The newest event that counts is at 60, so lists are asked for at 61.
    assert lists(k=10) == [
        ("ann", 1, "c", 41.0, "app south"),
        ("ann", 2, "a", 31.0, "app south"),
        ("ann", 3, "b", 11.0, "app south"),
    ]


def test_a_history_holds_the_configured_kinds_of_event(lists):
    bought_and_seen = lists(k=10, history_events=["purchase", "click"])
    assert [(row[0], row[2]) for row in bought_and_seen] == [("ann", i) for i in "caba"] + [("bob", "b")]


def test_the_newest_events_of_a_long_history_count(lists):
    assert [row[2] for row in lists(k=10, history_length=2)] == ["a", "b"]


def test_lists_have_the_length_that_was_asked_for(lists):
    assert [row[2] for row in lists(k=1)] == ["c"]


def test_what_a_list_is_made_of_is_what_one_shopper_would_send(config):
    shopper = Shop(config()).shopper("ann")
    assert [(event.item_id, event.timestamp) for event in shopper.history] == [("c", 20), ("a", 30), ("b", 50)]
    assert (shopper.context, shopper.scene) == ({"store": "south"}, "app")


def test_lists_are_replaced_as_a_whole_and_nothing_else_is(lists, config, tmp_path):
    lists(k=1)
    before = (tmp_path / "lists").stat().st_ino
    lists(k=2)
    assert (tmp_path / "lists").stat().st_ino != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lists", "runs"]
    (tmp_path / "lists" / "letter.txt").write_text("dear")
    with pytest.raises(batch.BatchFailed, match=r"lists holds letter.txt, and would be replaced as a whole"):
        lists(k=3)
    assert (tmp_path / "lists" / "letter.txt").read_text() == "dear"


def test_a_failure_keeps_the_lists_that_were_there(lists, config, tmp_path, tables):
    lists(k=1)
    broken = config()
    (broken.serving_dir / "8").mkdir()
    with pytest.raises(batch.BatchFailed, match=r"no list was written: .*SavedModel"):
        batch.run(broken, 5, tmp_path / "lists", Console(quiet=True))
    assert len(pq.read_table(tmp_path / "lists")) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lists", "runs"]


def test_without_a_pushed_version_or_tables_it_is_said_which_comes_first(tables, config, tmp_path):
    with pytest.raises(NoRun, match="`shelfwise run` comes first"):
        batch.run(shop_config(tables, tmp_path / "elsewhere"), 5, tmp_path / "lists", Console(quiet=True))
    moved = config()
    moved = moved.model_copy(update={"data": moved.data.model_copy(update={"root": str(tmp_path)})})
    with pytest.raises(NoTables, match=r"events holds no \*\.parquet files"):
        batch.run(moved, 5, tmp_path / "lists", Console(quiet=True))


def test_how_far_it_is_is_counted_in_shoppers(config, tmp_path):
    with open(tmp_path / "shown", "w") as file:
        batch.run(config(), 5, tmp_path / "lists", Console(file=file, width=100))
    assert "3/3" in (tmp_path / "shown").read_text()
