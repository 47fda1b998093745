"""A grocer's first days with Shelfwise: a run that fails, the one after it, the server, and a model that is refused."""

import math
import pathlib
import re
import resource

import pyarrow.parquet as pq
import pytest

from components.evaluation import ranking_metrics, report
from components.evaluation.metrics import names
from components.evaluation.slices import slice_name
from pipeline import served
from pipeline.run_record import RunRecord
from pipeline.shop import Shop as Tables
from serving.client import Client
from serving.server import Server

INGESTED = ["EventsGen", "EventsSchema", "ItemsGen", "ItemsSchema", "UsersGen", "UsersSchema"]
INGESTED += ["EventsStatistics", "ItemsStatistics", "UsersStatistics"]
INGESTED += ["EventsDrift", "EventsValidator", "ItemsValidator", "UsersValidator"]
INGESTED += ["DataGate", "RequestExamples", "Transform"]
JUDGED = ["Trainer", "Baseline", "Evaluator", "InfraValidator", "Pusher"]


@pytest.fixture(scope="module")
def failed(grocer):
    """A run whose text encoder does not exist."""
    return grocer("run", model__text__encoder="no/such/encoder"), grocer.versions


@pytest.fixture(scope="module")
def first(grocer, failed):
    """The run after the mistake was mended."""
    return grocer("run")


@pytest.fixture(scope="module")
def again(grocer, first):
    """The same run once more, and the versions there are then."""
    return grocer("run"), grocer.versions


@pytest.fixture(scope="module")
def refused(grocer, again):
    """A run with a floor that no model reaches, and the versions there are then."""
    return grocer("run", evaluation__floors={"ndcg@10": 0.99}), grocer.versions


@pytest.fixture(scope="module")
def client(grocer, first):
    config = grocer.config
    with (
        Server.of_model(config.serving.model_name, config.serving_dir, port=0) as server,
        Client(server.address, config.serving.model_name) as client,
    ):
        yield client


def test_a_run_that_fails_names_the_component_the_cause_and_the_log(grocer, failed):
    finished, versions = failed
    assert finished.code == 1
    assert list(finished.components) == INGESTED
    assert finished.errors.startswith("error: Trainer failed: ")
    assert "no/such/encoder" in finished.errors
    assert "Traceback" not in finished.output + finished.errors
    log = min((grocer.config.run_dir / "logs").iterdir())
    assert str(log) in finished.errors
    assert "Trainer failed" in log.read_text()
    assert versions == []


def test_the_next_run_goes_on_from_the_component_that_failed(grocer, first):
    assert first.code == 0, first.errors
    assert list(first.components) == INGESTED + JUDGED
    assert first.ran() == JUDGED
    (version,) = grocer.versions[:1]
    assert first.components["Pusher"].endswith(f"version {version}")
    assert "Verdict: blessed" in first.output
    assert first.components["InfraValidator"].endswith(" blessed")
    assert re.search(
        r"^In a server: accepted: \d+ MiB, loaded in [\d.]+ s, at most [\d,]+ MiB of memory", first.output, re.MULTILINE
    )


def test_rows_are_counted_as_they_pass_through(grocer, first):
    files = pathlib.Path(grocer.config.data.root, "events").rglob("*.parquet")
    events = sum(pq.read_metadata(file).num_rows for file in files)
    assert f"{events:,} read, {events:,} accepted, 0 rejected" in first.components["EventsGen"]
    assert "epoch 1 of 1: joint loss" in first.components["Trainer"]


def test_every_metric_is_there_for_every_slice(grocer, first):
    found = report.load_results(RunRecord(grocer.config).evaluation_dir())
    slices = [slice_name(one.slice) for one in found.slices]
    assert slices[0] == "overall"
    assert {name.partition("=")[0] for name in slices[1:]} == {"shopper", "user_age", "activity", "label_rarity"}
    heads = {head.name: head.loss for head in grocer.config.model.heads}
    selection = grocer.config.evaluation.selection(grocer.config.features_of("item", "categorical"), heads)
    measured = names.all_names(selection)
    assert all({*ranking_metrics.count_names(), *measured} <= set(one.candidate) for one in found.slices)
    overall = found.slices[0].candidate
    assert overall["requests"] > 10
    assert not [name for name in measured if math.isnan(overall[name])]
    assert [one.head for one in found.calibration] == ["purchase"]


def test_the_pushed_model_recommends_to_a_shopper(grocer, client):
    tables = Tables(grocer.config)
    user_id = tables.typical_shopper()
    shopper = tables.shopper(user_id)
    request = {"history": shopper.history, "context": shopper.context, "timestamp": tables.now()}
    answer = client.recommend(user_id, **request, k=20)
    scores = [item.score for item in answer]
    assert len({item.item_id for item in answer}) == 20
    assert scores == sorted(scores, reverse=True)
    assert set(tables.texts([item.item_id for item in answer])) == {item.item_id for item in answer}

    excluded = [item.item_id for item in answer[:3]]
    others = client.recommend(user_id, **request, exclude=excluded, k=20)
    assert len(others) == 20
    assert not set(excluded) & {item.item_id for item in others}

    ranked = client.rank(user_id, excluded[::-1], **request)
    assert [item.item_id for item in ranked] == excluded
    assert all(set(item.heads) == {"purchase", "spend"} for item in ranked)


def test_the_pushed_model_answers_someone_it_has_never_heard_of(client):
    assert len(client.recommend("nobody", k=5)) == 5


def test_the_pushed_model_finds_items_by_their_text(grocer, client):
    texts = Tables(grocer.config).texts([item.item_id for item in client.search("milk", k=5)])
    assert sum("milk" in text.lower() for text in texts.values()) >= 3


def test_the_pushed_model_knows_what_goes_with_an_item(grocer, client):
    item_id = Tables(grocer.config).shopper(Tables(grocer.config).typical_shopper()).history[0].item_id
    answer = client.similar(item_id, k=5)
    assert len(answer) == 5
    assert item_id not in {item.item_id for item in answer}


def test_the_lists_for_every_shopper_are_what_the_server_would_answer(grocer, client):
    finished = grocer("batch")
    assert finished.code == 0, finished.errors
    lists = pq.read_table(grocer.config.run_dir / "lists").to_pylist()
    tables = Tables(grocer.config)
    assert len({row["user_id"] for row in lists}) == tables.num_shoppers() == 20
    assert f"20 shoppers, {len(lists):,} rows by version {grocer.versions[0]} are in" in finished.output
    user_id = tables.typical_shopper()
    shopper = tables.shopper(user_id)
    history = shopper.history[-grocer.config.requests.history_length :]
    answer = client.recommend(
        user_id, history, scene=shopper.scene, context=shopper.context, timestamp=tables.now(), k=50
    )
    listed = [row for row in lists if row["user_id"] == user_id]
    assert [row["rank"] for row in listed] == list(range(1, 51))
    # Items of equal scores may change places, since a batch of shoppers is computed in other steps than one of them.
    assert {row["item_id"]: row["reason"] for row in listed} == {item.item_id: item.reason for item in answer}
    assert [row["score"] for row in listed] == pytest.approx([item.score for item in answer], rel=1e-4)


def test_a_second_run_takes_everything_from_the_cache_and_pushes_nothing(first, again):
    finished, versions = again
    assert finished.code == 0
    assert finished.ran() == ["Baseline"]  # a resolver, which is asked anew each time
    assert finished.components["Pusher"].split()[-1] == first.components["Pusher"].split()[-1]
    assert len(versions) == 1


def test_a_refused_model_ends_the_run_with_an_error_and_is_not_pushed(again, refused):
    finished, versions = refused
    assert finished.code == 1
    assert finished.ran() == ["Baseline", "Evaluator", "Pusher"]
    assert finished.components["Evaluator"].endswith("not blessed")
    assert "In a server: accepted" in finished.output
    assert finished.components["Pusher"].endswith("nothing pushed")
    assert "Verdict: not blessed:\n  ndcg@10 (overall) is " in finished.output
    assert "below its floor of 0.99" in finished.output
    assert finished.errors.startswith("error: the model of grocer was refused and not pushed")
    assert versions == again[1]


def test_the_report_is_about_the_newest_run_even_where_that_came_from_the_cache(grocer, refused):
    reported = grocer("report")
    assert reported.code == 0
    assert "Verdict: not blessed" in reported.output
    page = grocer.config.run_dir / "report" / "index.html"
    assert "The model is refused" in page.read_text()

    back = grocer("run")
    assert back.code == 0
    assert back.ran() == ["Baseline"]
    assert "Verdict: blessed" in grocer("report").output
    assert "The model is accepted" in page.read_text()


def test_a_model_that_no_server_can_carry_ends_the_run_with_an_error_and_is_not_pushed(grocer, refused):
    finished = grocer("run", serving__max_memory_mib=1)
    assert finished.code == 1
    assert finished.ran() == ["Baseline", "InfraValidator", "Pusher"]
    assert finished.components["InfraValidator"].endswith("not blessed")
    assert finished.components["Pusher"].endswith("nothing pushed")
    assert "Verdict: blessed" in finished.output
    assert "In a server: refused:\n  the server took " in finished.output
    assert "the limits are those of the section serving" in finished.errors
    assert grocer.versions == refused[1]

    tried_again = grocer("run", serving__max_memory_mib=1)
    assert tried_again.ran() == ["Baseline", "InfraValidator", "Pusher"]


def test_a_disk_that_fills_up_during_export_stops_the_run_and_pushes_nothing(grocer, refused):
    versions = grocer.versions
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000_000, limits[1]))  # of the model, the text encoder alone is larger
    try:
        finished = grocer("run", training__learning_rate=0.01)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert finished.code == 1
    assert finished.errors.startswith("error: Trainer failed: ")
    assert "File too large" in finished.errors
    assert grocer.versions == versions


def test_a_changed_schema_is_read_again(grocer, refused):
    with open(grocer.config.schema_dir + "/users.pbtxt", "a") as schema:
        schema.write("# A remark.\n")
    finished = grocer("run")
    assert finished.code == 0
    assert finished.ran() == ["UsersSchema", "UsersValidator", "DataGate", "Baseline"]


def test_a_version_that_was_pushed_since_is_pointed_out(grocer, first):
    (version,) = grocer.versions
    assert served.describe(grocer.config) == f"Servers of {grocer.config.serving_dir} take version {version}."
    newer = grocer.config.serving_dir / "9999999999"
    newer.mkdir()
    try:
        assert f"keep version 9999999999, which was pushed after version {version}" in served.describe(grocer.config)
    finally:
        newer.rmdir()
