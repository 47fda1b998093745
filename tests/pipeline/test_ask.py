"""What `shelfwise similar` prints of an answer: the shop's own words, whatever stands in them."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from rich.console import Console

from pipeline import ask
from pipeline.config import Config
from serving.server import Server


@pytest.fixture
def config(tmp_path) -> Config:
    """A shop whose titles look like markup."""
    (tmp_path / "items").mkdir()
    titles = {"a": "Screws M4 [pack of 10]", "b": "cable [/m]", "[c]": "[bold]glue"}
    pq.write_table(pa.table({"item_id": list(titles), "title": list(titles.values())}), tmp_path / "items/a.parquet")
    return Config.model_validate(
        {
            "name": "shop",
            "data": {"root": str(tmp_path)},
            "schema_dir": "unused",
            "features": [{"name": "title", "role": "item", "kind": "text"}],
            "requests": {"positive_events": ["purchase"]},
            "model": {"heads": [{"name": "purchase", "events": ["purchase"]}]},
        }
    )


@pytest.fixture
def address(tmp_path):
    """A server whose model finds b, then [c], like anything."""
    module = tf.Module()
    module.similar = tf.function(
        lambda item_id, k: {
            "item_ids": tf.tile([["b", "[c]"]], [tf.size(item_id), 1]),
            "scores": tf.tile([[0.5, 0.25]], [tf.size(item_id), 1]),
        }
    ).get_concrete_function(tf.TensorSpec([None], tf.string, "item_id"), tf.TensorSpec([None], tf.int32, "k"))
    tf.saved_model.save(module, str(tmp_path / "models" / "1"), signatures={"similar": module.similar})
    with Server.of_model("shelfwise", tmp_path / "models", port=0) as server:
        yield server.address


def test_texts_are_printed_as_they_are(config, address):
    console = Console(file=io.StringIO(), width=100)
    console.print(ask.similar(config, address, "a", 2))
    lines = console.file.getvalue().splitlines()
    assert lines[0] == "Similar to item a: Screws M4 [pack of 10]"
    assert [line.split() for line in lines if "0." in line] == [
        ["b", "cable", "[/m]", "0.500"],
        ["[c]", "[bold]glue", "0.250"],
    ]
