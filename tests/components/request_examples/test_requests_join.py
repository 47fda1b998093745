"""The real executor over ingested tables on disk."""

import collections
import json
import pathlib
import pickle

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from requests_shop import DAY, PURCHASE, examples, make_events, make_settings, make_users

from components.table_gen.layout import nest
from pipeline.config import Head
from schemas import request_example

HEADS = (PURCHASE, Head(name="spend", loss="squared_error", column="value"))
FEATURES = (("age", "user", "categorical"), ("title", "item", "text"), ("store", "context", "categorical"))
SETTINGS = make_settings(HEADS, FEATURES, eval_days=5, validation_share=0.3, max_rejected_share=0.1)
PROFILES = make_users([f"u{n}" for n in range(0, 30, 2)], age=[None if n % 3 else "30s" for n in range(15)])


def many_events(users=30, days=40) -> pa.Table:
    """Every shopper comes every few days and takes some of 20 items."""
    rows = [
        (f"u{user}", f"i{(user * day + n) % 20:02}", (10 + day) * DAY + user)
        for user in range(users)
        for day in range(user % 5, days, 1 + user % 7)
        for n in range(1 + (user + day) % 3)
    ]
    number = range(len(rows))
    return make_events(
        rows,
        session_id=[f"{user}-{time}" for user, _, time in rows],
        store=[[None, "1", "2"][n % 3] for n in number],
        value=[None if n % 5 == 0 else n % 7 for n in number],
    )


def items(ids) -> pa.Table:
    return pa.table({"item_id": ids, "title": [f"thing {item}" for item in ids], "available": [1] * len(ids)})


@pytest.fixture
def write(tmp_path):
    """Writes a table as TableGen does, in as many files as wanted."""

    def write(name: str, table: pa.Table, files: int = 1, rows_per_group: int = 1000) -> None:
        folder = tmp_path / name / "Split-all"
        folder.mkdir(parents=True)
        step = -(-len(table) // files) or 1
        for number in range(files):
            part = nest(table.slice(number * step, step))
            pq.write_table(part, folder / f"rows-{number}.parquet", row_group_size=rows_per_group)

    return write


class Output(collections.namedtuple("Output", "artifact schema")):
    """What the executor left."""

    @property
    def uri(self) -> pathlib.Path:
        return pathlib.Path(self.artifact.uri)

    @property
    def summary(self) -> dict:
        return json.loads((self.uri / "summary.json").read_text())

    @property
    def quarantine(self) -> list[dict]:
        return pq.read_table(self.uri / "quarantine").to_pylist()

    def records(self, split: str) -> collections.Counter:
        import tensorflow as tf

        files = sorted(map(str, (self.uri / f"Split-{split}").glob("*.gz")))
        parse = tf.train.Example.FromString
        return collections.Counter(
            _as_text(
                {name: list(getattr(f, f.WhichOneof("kind")).value) for name, f in example.features.feature.items()}
            )
            for example in (parse(record.numpy()) for record in tf.data.TFRecordDataset(files, "GZIP"))
        )


def _as_text(example: dict[str, list]) -> str:
    """An example by name and value, without what is empty; repr, so that NaN equals NaN."""
    decoded = {name: [v.decode() if isinstance(v, bytes) else v for v in values] for name, values in example.items()}
    return repr(sorted((name, values) for name, values in decoded.items() if values))


@pytest.fixture
def run(tmp_path):
    """Runs the executor over the tables that were written."""
    from tfx.dsl.components.base import base_beam_executor
    from tfx.types import standard_artifacts

    from components.request_examples.executor import Executor
    from pipeline.beam import LOCAL_BEAM_ARGS

    def run(settings=SETTINGS) -> Output:
        inputs = {name: [standard_artifacts.Examples()] for name in ("events", "items", "users")}
        for name, (artifact,) in inputs.items():
            artifact.uri = str(tmp_path / name)
        inputs["events"][0].span = 7
        output = Output(standard_artifacts.Examples(), standard_artifacts.Schema())
        output.artifact.uri, output.schema.uri = str(tmp_path / "examples"), str(tmp_path / "schema")
        context = base_beam_executor.BaseBeamExecutor.Context(
            list(LOCAL_BEAM_ARGS), tmp_dir=str(tmp_path / "tmp"), unique_id="1"
        )
        outputs = {"examples": [output.artifact], "schema": [output.schema]}
        Executor(context).Do(inputs, outputs, {"settings": settings.model_dump_json()})
        return output

    return run


@pytest.mark.parametrize(("files", "rows_per_group", "shards"), [(1, 1000, 8), (3, 40, 1)])
@pytest.mark.parametrize("every", ["basket", 5])
def test_beam_makes_the_examples_that_one_shard_of_everything_makes(
    write, run, monkeypatch, every, files, rows_per_group, shards
):
    from components.request_examples import join

    monkeypatch.setattr(join, "_MIN_SHARDS", shards)
    events = many_events()
    settings = SETTINGS.model_copy(update={"requests": SETTINGS.requests.model_copy(update={"every": every})})
    expected = examples(events, settings, PROFILES, catalogue=[f"i{n:02}" for n in range(25)])
    # The newest events in the first file, so that the order of files is not that of time.
    write("events", events.sort_by([("timestamp", "descending")]), files, rows_per_group)
    write("items", items([f"i{n:02}" for n in range(25)]), files)
    write("users", PROFILES, files)
    output = run(settings)
    for split, rows in expected.items():
        assert rows
        assert output.records(split) == collections.Counter(map(_as_text, rows))


def test_the_artifact_tells_its_splits_format_span_schema_and_counts(write, run):
    from tfx.components.util import examples_utils
    from tfx.proto import example_gen_pb2
    from tfx.types import artifact_utils
    from tfx.utils import io_utils

    events = many_events(users=10)
    write("events", events)
    write("items", items([f"i{n:02}" for n in range(25)]))
    write("users", PROFILES)
    output = run()
    splits = ["train", "validation", "eval", "catalog", "users"]
    assert artifact_utils.decode_split_names(output.artifact.split_names) == splits
    assert examples_utils.get_payload_format(output.artifact) == example_gen_pb2.FORMAT_TF_EXAMPLE
    assert output.artifact.span == 7
    summary = output.summary
    assert (summary["events"], summary["events_rejected"]) == (len(events), 0)
    assert (summary["examples_catalog"], summary["examples_users"]) == (25, 15)
    assert {split: summary[f"examples_{split}"] for split in splits} == {
        split: output.records(split).total() for split in splits
    }
    schema = io_utils.SchemaReader().read(f"{output.schema.uri}/schema.pbtxt")
    assert schema == request_example.schema(SETTINGS.features, SETTINGS.heads)
    unsold = [(f"item_{name}", [0.0]) for name in sorted(request_example.STATISTICS)]
    item = [("item_available", [1]), ("item_id", ["i24"]), *unsold, ("item_title", ["thing i24"])]
    assert repr(item) in output.records("catalog")
    assert "[('user_age', ['30s']), ('user_id', ['u0'])]" in output.records("users")


def test_a_shop_without_any_profile_still_gets_its_examples(write, run):
    events = many_events(users=10)
    write("events", events)
    write("items", items([f"i{n:02}" for n in range(20)]))
    write("users", PROFILES.slice(0, 0))
    output = run()
    expected = examples(events, SETTINGS, PROFILES.slice(0, 0))["eval"]
    assert output.records("eval") == collections.Counter(map(_as_text, expected))
    assert output.records("users").total() == 0


def test_events_of_unknown_items_are_set_aside_with_their_values_and_counted(write, run):
    events = many_events(users=10)
    stray = make_events(
        [("u1", "ghost", 30 * DAY), ("u2", "ghoul", 31 * DAY)], session_id=["s", None], store=["1", "2"]
    )
    stray = stray.append_column("value", [[1.5, None]])
    write("events", pa.concat_tables([events, stray.select(events.column_names)]), files=2)
    write("items", items([f"i{n:02}" for n in range(20)]))
    write("users", PROFILES)
    output = run()
    assert output.summary["events_rejected"] == 2
    rejected = sorted(output.quarantine, key=lambda row: row["values"]["item_id"])
    assert [(row["field"], row["reason"]) for row in rejected] == [("item_id", "not in the items table")] * 2
    assert rejected[0]["values"] == {
        "user_id": "u1",
        "item_id": "ghost",
        "timestamp": str(30 * DAY),
        "event": "purchase",
        "session_id": "s",
        "store": "1",
        "value": "1.5",
    }
    assert output.records("train") == collections.Counter(map(_as_text, examples(events, SETTINGS, PROFILES)["train"]))


def test_too_many_unknown_items_stop_the_run_and_are_named(write, run):
    write("events", many_events(users=10))
    write("items", items([f"i{n:02}" for n in range(2, 18)]))  # a fifth of the events name one of the other four
    write("users", PROFILES)
    with pytest.raises(ValueError, match=r"item that the items table lacks, such as i00, i01, i18, i19;.*10\.00%"):
        run()


@pytest.mark.parametrize(
    ("events", "catalogue", "settings", "message"),
    [
        (many_events(users=3), ["other"], SETTINGS, "no event names an item of the items table"),
        (
            many_events(users=3),
            [f"i{n:02}" for n in range(20)],
            make_settings(HEADS, FEATURES, positive_events=["click"]),
            r"no event is of a kind in requests.positive_events \(click\)",
        ),
        (
            many_events(users=3),
            [f"i{n:02}" for n in range(20)],
            make_settings(HEADS, FEATURES, history_events=["purchse"]),
            r"no event is of a kind in requests.history_events \(purchse\); name kinds that the log has",
        ),
        (
            many_events(users=3),
            [f"i{n:02}" for n in range(20)],
            make_settings([*HEADS, Head(name="save", events=["bookmark", "save"])], FEATURES),
            r"no event is of a kind in the events of the head 'save' \(bookmark, save\)",
        ),
        (
            many_events(users=3).drop_columns(["value"]),
            [f"i{n:02}" for n in range(20)],
            SETTINGS,
            r"head 'spend' learns from 'value', which the events table lacks.*data.columns.events.value",
        ),
        (
            many_events(users=3, days=4),
            [f"i{n:02}" for n in range(20)],
            SETTINGS,
            "no request for the split 'train'.*eval_days=5",
        ),
    ],
    ids=[
        *("no known item", "no positive event", "no event for histories", "no event for a head"),
        *("no column for a head", "a log too short"),
    ],
)
def test_tables_that_cannot_be_joined_stop_the_run_with_the_remedy(write, run, events, catalogue, settings, message):
    write("events", events)
    write("items", items(catalogue))
    write("users", PROFILES)
    with pytest.raises(Exception, match=message):
        run(settings)


def test_the_pieces_of_a_block_are_no_larger_than_the_block_when_they_travel():
    from components.request_examples.join import shard

    block = many_events()
    pieces = list(shard(block, 16))
    assert sum(piece.num_rows for _, piece in pieces) == len(block)
    assert sum(len(pickle.dumps(piece)) for _, piece in pieces) < 2 * len(pickle.dumps(block))


def test_what_the_evaluation_came_to_is_counted_beside_the_examples(write, run):
    events = many_events()
    shown = events.set_column(
        events.column_names.index("event"), "event", pa.array(["impression"] * len(events))
    ).append_column("propensity", pa.array([0.25] * len(events)))
    bought = events.append_column("propensity", pa.array([None] * len(events), pa.float64()))
    write("events", pa.concat_tables([shown, bought]))
    write("items", items(sorted(set(events["item_id"].to_pylist()))))
    write("users", PROFILES)
    output = run()
    counts = json.loads((output.uri / request_example.OUTCOME_FILE).read_text())
    judging = [time for time in events["timestamp"].to_pylist() if time >= 45 * DAY]  # the newest 5 of days 10 to 49
    assert counts["propensities"] == len(judging)
    assert counts["impressions"] == output.summary["examples_eval"] == len(set(judging))
    assert {kind for kind, count in counts.items() if not count} == {"clicks", "interactions"}
    (one, *_) = output.records("eval")
    assert "('logged_propensities', [0.25" in one
    assert not any("logged_" in row or "outcome_" in row for row in output.records("train"))
