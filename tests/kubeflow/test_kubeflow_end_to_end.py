"""The whole compiled pipeline on twenty real households, on the stand-in cluster, with artefacts in an S3 server.

Every task is a process of its own. They share nothing but the bucket, the folder of the tables, and the bucket that
versions are pushed to.
"""

import json
import pathlib

import pytest
from kfp_cluster import read
from kfp_launcher import LauncherError

from pipeline import config as configs
from pipeline.data import sources
from pipeline.kubeflow import compiler
from pipeline.shop import Shop as Tables
from serving.client import Client
from serving.server import Server

GROCER = pathlib.Path(__file__).parents[1] / "pipeline" / "grocer.yaml"

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    root = tmp_path_factory.mktemp("grocer")
    loaded = configs.load(GROCER, {"data.root": str(root / "tables")})
    sources.prepare(loaded)
    sources.prepare_text_encoder(loaded)
    return loaded


@pytest.fixture(scope="module")
def package(secrets, tmp_path_factory):
    # Nothing of where tables and versions are is compiled in: each run says it.
    elsewhere = configs.load(GROCER, {"data.root": "/tables", "kubeflow.retries": 1, "kubeflow.secrets": secrets})
    return compiler.write(elsewhere, tmp_path_factory.mktemp("compiled") / "grocer.yaml")


@pytest.fixture(scope="module")
def parameters(config, pushed):
    return {"data_root": config.data.root, "destination": pushed.root, "image": "registry/shelfwise:7"}


@pytest.fixture(scope="module")
def first(cluster, package, parameters):
    return cluster.run(package, parameters)


@pytest.fixture(scope="module")
def second(cluster, package, parameters, first):
    """What comes after training, once more, now that a version is there to stand up to."""
    return cluster.run(package, parameters, only={"Baseline", "Evaluator"}, after=first)


def versions(pushed) -> list[str]:
    keys = [key.removeprefix("shelfwise/") for key in pushed.keys(pushed.root)]
    return sorted({key.partition("/")[0] for key in keys})


def test_every_task_ran_once(package, first):
    assert set(first.attempts) == set(read(package)[0]["root"]["dag"]["tasks"])
    assert set(first.attempts.values()) == {1}


def test_every_task_got_the_image_of_the_run_and_the_trainer_alone_a_gpu(first):
    assert {pod["image"] for name, pod in first.pods.items() if name != "Trainer"} == {"registry/shelfwise:7"}
    assert first.pods["Trainer"]["image"] == "shelfwise-gpu:latest"
    assert [name for name, pod in first.pods.items() if "nvidia.com/gpu" in pod["limits"]] == ["Trainer"]
    assert first.pods["Trainer"]["limits"]["nvidia.com/gpu"] == "1"


def test_artefacts_are_in_the_bucket_by_task(bucket, first):
    model = first.artifacts["Trainer", "model"]["uri"]
    assert model.startswith("minio://mlpipeline/shelfwise/grocer/")
    assert any(key.endswith("/Format-Serving/saved_model.pb") for key in bucket.keys(model))
    assert bucket.keys(first.artifacts["Trainer", "executor-logs"]["uri"])


def test_spans_are_found_without_a_driver(config, first):
    spans = [int(path.name.removeprefix("span-")) for path in pathlib.Path(config.data.root, "events").iterdir()]
    assert first.artifacts["EventsGen", "examples"]["metadata"]["span"] == max(spans)


def test_rows_are_those_of_the_tables(first):
    metadata = first.artifacts["EventsGen", "examples"]["metadata"]
    assert metadata["rows_read"] == metadata["rows_accepted"] > 1000


def test_the_first_model_had_nothing_to_stand_up_to_and_was_pushed(pushed, first):
    assert first.artifacts["Baseline", "model"]["metadata"]["absent"] == 1
    assert first.artifacts["Evaluator", "blessing"]["metadata"]["blessed"] == 1
    assert first.artifacts["InfraValidator", "blessing"]["metadata"]["blessed"] == 1
    metadata = first.artifacts["Pusher", "pushed_model"]["metadata"]
    assert metadata["pushed"] == 1
    assert versions(pushed) == [metadata["pushed_version"]]


def test_no_metadata_names_a_folder_of_a_container(first):
    said = json.dumps([artifact["metadata"] for artifact in first.artifacts.values()])
    assert "containers" not in said
    assert "minio://mlpipeline/shelfwise/grocer/" in said  # the model that the blessing is about


def test_the_pushed_model_answers_a_query(config, pushed, first, tmp_path):
    pushed.download(pushed.root, tmp_path)
    tables = Tables(config)
    user_id = tables.typical_shopper()
    shopper = tables.shopper(user_id)
    with (
        Server.of_model(config.serving.model_name, tmp_path, port=0) as server,
        Client(server.address, config.serving.model_name) as client,
    ):
        answer = client.recommend(user_id, shopper.history, context=shopper.context, timestamp=tables.now(), k=10)
    assert len({item.item_id for item in answer}) == 10
    assert len(tables.texts([item.item_id for item in answer])) == 10


def test_the_next_model_has_to_stand_up_to_the_pushed_one(pushed, first, second):
    baseline = second.artifacts["Baseline", "model"]
    assert baseline["metadata"]["pushed_version"] == versions(pushed)[0]
    blessing = second.artifacts["Evaluator", "blessing"]["metadata"]
    assert blessing["baseline_model"] == baseline["uri"]
    assert blessing["current_model"] == first.artifacts["Trainer", "model"]["uri"]


def test_what_is_unchanged_comes_from_the_cache_and_what_depends_on_the_world_never_does(
    cluster, package, parameters, first
):
    again = cluster.run(package, parameters, only={"EventsSchema", "ItemsSchema", "Baseline"}, after=first)
    assert again.attempts == {"EventsSchema": 0, "ItemsSchema": 0, "Baseline": 1}
    schema = "EventsSchema", "schema"
    assert again.artifacts[schema] == first.artifacts[schema]


def test_a_task_that_fails_is_tried_again_as_often_as_it_says(cluster, package, parameters, tmp_path):
    before = cluster.started("UsersGen")
    with pytest.raises(LauncherError, match=r"UsersGen ended with 1:[\s\S]*no-tables/users"):
        cluster.run(package, parameters | {"data_root": str(tmp_path / "no-tables")}, only={"UsersGen"})
    assert cluster.started("UsersGen") - before == 2  # the first time, and one retry
