"""The section `beam`: what each engine needs is asked for at load, and what an engine gets is Beam's own options."""

import pytest
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    SparkRunnerOptions,
    StandardOptions,
    WorkerOptions,
)

from pipeline import config
from pipeline.beam import LOCAL_BEAM_ARGS, beam_args, engine_args

CLUSTER = {"beam.runner": "flink", "beam.flink.master": "flink:8081", "data.root": "/shared/data"}
DATAFLOW = {
    "beam.runner": "dataflow",
    "beam.dataflow": {
        "project": "shop",
        "region": "europe-west1",
        "temp_location": "gs://shop/tmp",
        "image": "shop/beam",
    },
    "beam.artifacts_root": "gs://shop/artifacts",
    "data.root": "gs://shop/tables",
}


def options(overrides: dict) -> PipelineOptions:
    return PipelineOptions(beam_args(config.load("movielens", overrides).beam))


def mistakes(overrides: dict) -> str:
    with pytest.raises(config.ConfigError) as error:
        config.load("movielens", overrides)
    return str(error.value)


def test_without_the_section_all_runs_in_the_process_as_ever():
    assert engine_args(config.load("movielens").beam) == []
    assert options({}).view_as(StandardOptions).runner == "FnApiRunner"
    assert beam_args(config.load("movielens").beam) == list(LOCAL_BEAM_ARGS)


def test_flink_without_a_master_runs_on_this_machine():
    built = options(
        {"beam.runner": "flink", "beam.flink.parallelism": 3, "beam.flink.job_server_jar": "/jars/server.jar"}
    )
    assert built.view_as(StandardOptions).runner == "FlinkRunner"
    flink = built.view_as(FlinkRunnerOptions)
    assert (flink.flink_master, flink.flink_version, flink.parallelism) == ("[local]", "1.19", 3)
    assert flink.flink_job_server_jar == "/jars/server.jar"
    assert built.view_as(PortableOptions).environment_type == "LOOPBACK"


def test_a_flink_cluster_starts_workers_in_the_environment_given():
    built = options(
        {**CLUSTER, "beam.flink.environment": "external", "beam.flink.environment_config": "localhost:50000"}
    )
    assert built.view_as(FlinkRunnerOptions).flink_master == "flink:8081"
    portable = built.view_as(PortableOptions)
    assert (portable.environment_type, portable.environment_config) == ("EXTERNAL", "localhost:50000")


@pytest.mark.parametrize("runner", ["flink", "spark"])
def test_a_job_server_that_runs_already_is_asked_by_its_address(runner):
    built = options({"beam.runner": runner, f"beam.{runner}": {"job_endpoint": "jobs:8099", "environment": "loopback"}})
    assert built.view_as(StandardOptions).runner == "PortableRunner"
    assert built.view_as(PortableOptions).job_endpoint == "jobs:8099"


def test_spark_gets_its_master():
    spark = {"master": "spark://spark:7077", "environment": "docker", "environment_config": "shop/beam"}
    built = options({"beam.runner": "spark", "beam.spark": spark, "data.root": "/shared/data"})
    assert built.view_as(StandardOptions).runner == "SparkRunner"
    assert built.view_as(SparkRunnerOptions).spark_master_url == "spark://spark:7077"
    portable = built.view_as(PortableOptions)
    assert (portable.environment_type, portable.environment_config) == ("DOCKER", "shop/beam")


def test_dataflow_gets_its_project_places_and_image():
    built = options({**DATAFLOW, "beam.dataflow.max_workers": 7})
    cloud = built.view_as(GoogleCloudOptions)
    assert built.view_as(StandardOptions).runner == "DataflowRunner"
    assert (cloud.project, cloud.region, cloud.temp_location) == ("shop", "europe-west1", "gs://shop/tmp")
    worker = built.view_as(WorkerOptions)
    assert (worker.sdk_container_image, worker.max_num_workers) == ("shop/beam", 7)


def test_further_options_come_last_and_win():
    built = options({"beam.runner": "flink", "beam.options": ["--parallelism=9", "--job_name=shop"]})
    assert built.view_as(FlinkRunnerOptions).parallelism == 9
    assert built.view_as(GoogleCloudOptions).job_name == "shop"


def test_the_versions_of_flink_are_those_that_beam_publishes():
    for version in FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS:
        assert config.load("movielens", {"beam.flink.version": version}).beam.flink.version == version
    assert "must be '1.19', '1.20', '2.0', '2.1' or '2.2'" in mistakes({"beam.flink.version": "1.18"})


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"beam.runner": "dask"}, "beam.runner: must be 'direct', 'flink', 'spark' or 'dataflow'"),
        ({"beam.flink.version": 1.20}, "beam.flink.version: YAML reads the version as a number; put it in quotes"),
        ({"beam.flink.master": "flink"}, "beam.flink.master: must match"),
        (CLUSTER, "beam.flink: workers of a cluster need an `environment`: docker, external or process"),
        ({**CLUSTER, "beam.flink.environment": "docker"}, "`environment: docker` needs an image in environment_config"),
        (
            {**CLUSTER, "beam.flink.environment": "external", "beam.flink.environment_config": "pool"},
            "`environment: external` needs HOST:PORT, not 'pool'",
        ),
        (
            {"beam.flink": {"environment": "loopback", "environment_config": "shop/beam"}},
            "`environment_config` belongs to the environments docker, external and process",
        ),
        (
            {"beam.spark": {"master": "spark://a:1", "job_endpoint": "b:2", "environment": "loopback"}},
            "beam.spark: the job server at `job_endpoint` b:2 has a master of its own",
        ),
        (
            {
                **CLUSTER,
                "beam.flink.environment": "docker",
                "beam.flink.environment_config": "shop/beam",
                "data.root": "data/shop",
            },
            "beam: workers of the runner flink have folders of their own; make data.root data/shop absolute",
        ),
        ({"beam.options": ["--runner=DirectRunner"]}, "beam.options: the runner is the key `runner`"),
        ({"beam.options": ["parallelism=2"]}, "beam.options.0: must match"),
        (
            {"beam.runner": "dataflow"},
            "beam: the runner dataflow needs beam.dataflow.project; beam.dataflow.region; "
            "beam.dataflow.temp_location; beam.dataflow.image; beam.artifacts_root, as gs://BUCKET/FOLDER",
        ),
        (
            {**DATAFLOW, "data.root": "/data"},
            "beam: workers of the runner dataflow cannot read data.root /data; put the tables at gs://",
        ),
        ({"beam.dataflow.temp_location": "/tmp"}, "beam.dataflow.temp_location: must match"),
    ],
)
def test_what_an_engine_needs_is_asked_for_at_load(overrides, message):
    assert message in mistakes(overrides)


def test_what_another_engine_needs_is_not_asked_for():
    direct = config.load("movielens", {**DATAFLOW, "beam.runner": "direct", "data.root": "data/shop"})
    assert engine_args(direct.beam) == []


def test_artefacts_lie_below_the_runs_unless_workers_need_them_elsewhere():
    assert config.load("movielens").artifacts_root == str(config.load("movielens").run_dir.absolute() / "artifacts")
    assert config.load("movielens", DATAFLOW).artifacts_root == "gs://shop/artifacts"
