"""Tasks of the compiled pipeline, one by one, on the stand-in cluster, with artefacts in an S3 server."""

import json
import pathlib

import pytest
from kfp_launcher import LauncherError

from pipeline import config as configs
from pipeline.kubeflow import compiler

GROCER = pathlib.Path(__file__).parents[1] / "pipeline" / "grocer.yaml"


@pytest.fixture(scope="module")
def package(secrets, tmp_path_factory):
    config = configs.load(GROCER, {"data.root": "/no-tables", "kubeflow.retries": 1, "kubeflow.secrets": secrets})
    return compiler.write(config, tmp_path_factory.mktemp("compiled") / "grocer.yaml")


@pytest.fixture(scope="module")
def first(cluster, package, pushed):
    """A run before anything was pushed."""
    return cluster.run(package, {"destination": pushed.root}, only={"UsersSchema", "Baseline"})


@pytest.fixture(scope="module")
def second(cluster, package, pushed, first, tmp_path_factory):
    """The same run, after a version was pushed."""
    version = tmp_path_factory.mktemp("version")
    (version / "saved_model.pb").write_bytes(b"graph")
    pushed.upload(version, f"{pushed.root}/1000")
    return cluster.run(package, {"destination": pushed.root}, only={"UsersSchema", "Baseline"})


def test_what_a_container_writes_is_in_the_bucket_under_its_task(bucket, first, tmp_path):
    schema = first.artifacts["UsersSchema", "schema"]["uri"]
    assert schema.startswith("minio://mlpipeline/shelfwise/grocer/")
    assert "/UsersSchema/" in schema
    bucket.download(schema, tmp_path)
    curated = pathlib.Path(configs.load(GROCER).schema_dir, "users.pbtxt").read_text()
    assert 'name: "user_id"' in curated
    assert 'name: "user_id"' in (tmp_path / "schema.pbtxt").read_text()
    assert bucket.keys(first.artifacts["UsersSchema", "executor-logs"]["uri"])


def test_no_metadata_names_a_folder_of_a_container(first):
    assert "containers" not in json.dumps([artifact["metadata"] for artifact in first.artifacts.values()])


def test_before_the_first_push_the_baseline_is_marked_absent(first):
    assert first.artifacts["Baseline", "model"]["metadata"]["absent"] == 1


def test_once_a_version_is_pushed_it_is_the_baseline(bucket, second):
    model = second.artifacts["Baseline", "model"]
    assert model["metadata"]["pushed_version"] == "1000"
    assert [key.rpartition("/model/")[2] for key in bucket.keys(model["uri"])] == ["Format-Serving/saved_model.pb"]


def test_what_is_unchanged_comes_from_the_cache_and_what_depends_on_the_world_does_not(first, second):
    assert first.attempts == {"UsersSchema": 1, "Baseline": 1}
    assert second.attempts == {"UsersSchema": 0, "Baseline": 1}
    assert second.artifacts["UsersSchema", "schema"] == first.artifacts["UsersSchema", "schema"]


def test_a_task_that_fails_is_tried_again_as_often_as_it_says(cluster, package, pushed):
    with pytest.raises(LauncherError, match=r"UsersGen ended with 1:[\s\S]*/no-tables/users"):
        cluster.run(package, {"destination": pushed.root}, only={"UsersGen"})
    assert cluster.started("UsersGen") == 2
