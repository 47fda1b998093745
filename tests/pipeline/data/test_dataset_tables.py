import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.data import tables
from pipeline.data.dataset import DataError, Dataset

SCHEMAS = {
    "events": pa.schema({"user_id": pa.string(), "value": pa.float32()}),
    "items": pa.schema({"item_id": pa.string()}),
    "users": pa.schema({"user_id": pa.string(), "age": pa.string()}),
}
RECIPE = tables.Recipe("Tiny", "digest of the source", {"users": None})


def tiny() -> Dataset:
    return Dataset(
        events=pd.DataFrame({"user_id": [7, 8, 7], "value": [0.0, 1.5, None], "span": [3, 3, 5]}),
        items=pd.DataFrame({"item_id": range(25_000)}),
        users=pd.DataFrame({"user_id": [7, 8], "age": ["65+", None]}),
        set_aside={"events": {"broken": 2}, "items": {}, "users": {}},
    )


def never():
    raise AssertionError("nothing was to be built")


def test_events_lie_in_their_spans_and_zero_stays_apart_from_missing(tmp_path):
    tables.publish(tmp_path / "tiny", RECIPE, SCHEMAS, tiny)
    assert sorted(path.name for path in (tmp_path / "tiny" / "events").iterdir()) == ["span-3", "span-5"]
    assert pq.read_table(tmp_path / "tiny/events/span-3").to_pydict() == {"user_id": ["7", "8"], "value": [0.0, 1.5]}
    assert pq.read_table(tmp_path / "tiny/events/span-5").to_pydict() == {"user_id": ["7"], "value": [None]}
    assert pq.read_table(tmp_path / "tiny/users").schema == SCHEMAS["users"]


def test_large_files_can_be_read_in_parallel(tmp_path):
    tables.publish(tmp_path / "tiny", RECIPE, SCHEMAS, tiny)
    assert pq.ParquetFile(tmp_path / "tiny/items/part-0.parquet").num_row_groups == 3  # 10,000 + 10,000 + 5,000


def test_the_summary_tells_of_every_row(tmp_path):
    summary = tables.publish(tmp_path / "tiny", RECIPE, SCHEMAS, tiny)
    assert str(summary).splitlines()[:4] == [
        "Tiny, spans 3 to 5",
        "events            5 rows read",
        "                  3 written",
        "                  2 set aside: broken",
    ]


def test_the_same_recipe_is_prepared_once(tmp_path):
    first = tables.publish(tmp_path / "tiny", RECIPE, SCHEMAS, tiny)
    assert tables.publish(tmp_path / "tiny", RECIPE, SCHEMAS, never) == first


def test_tables_of_older_code_are_prepared_anew(tmp_path):
    tables.publish(tmp_path / "tiny", RECIPE, SCHEMAS, tiny)
    manifest = tmp_path / "tiny" / tables.MANIFEST
    current = manifest.read_text()
    document = json.loads(current)
    document["origin"]["code"] = "digest of older code"
    manifest.write_text(json.dumps(document))
    tables.publish(tmp_path / "tiny", RECIPE, SCHEMAS, tiny)
    assert manifest.read_text() == current


def test_another_recipe_replaces_all_that_was_there(tmp_path):
    tables.publish(tmp_path / "tiny", RECIPE, SCHEMAS, tiny)
    (tmp_path / "tiny/items/stray.parquet").write_bytes(b"")
    tables.publish(tmp_path / "tiny", tables.Recipe("Tiny", RECIPE.wheel, {"users": 2}), SCHEMAS, tiny)
    assert [path.name for path in (tmp_path / "tiny/items").iterdir()] == ["part-0.parquet"]
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_a_failed_write_leaves_what_was_there_before(tmp_path):
    tables.publish(tmp_path / "tiny", RECIPE, SCHEMAS, tiny)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    broken = SCHEMAS | {"users": pa.schema({"no_such_column": pa.string()})}  # fails when two tables are written
    with pytest.raises(KeyError):
        tables.publish(tmp_path / "tiny", tables.Recipe("Tiny", "newer source", {}), broken, tiny)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_a_failed_first_write_leaves_nothing(tmp_path):
    with pytest.raises(KeyError):
        tables.publish(tmp_path / "tiny", RECIPE, SCHEMAS | {"users": pa.schema({"age_band": pa.string()})}, tiny)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_someone_else_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="holds no prepared dataset"):
        tables.publish(tmp_path, RECIPE, SCHEMAS, never)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_unreadable_manifest_names_the_remedy(tmp_path):
    (tmp_path / tables.MANIFEST).write_text("{")
    with pytest.raises(DataError, match=r"manifest\.json is no valid JSON .* remove"):
        tables.publish(tmp_path, RECIPE, SCHEMAS, never)
