"""How Beam runs: in this process, or on the engine that the configuration names."""

import pathlib

from pipeline.config_beam import Beam, Dataflow, Flink, Portable, Spark

# Beam's own default runner would look for a binary to download; this one runs in the process and needs nothing. The
# setup file is what remote workers install; without it TFX packs itself anew for every component.
SETUP_FILE = pathlib.Path(__file__).parent.parent / "setup.py"
# It is a tuple since TFX's executors append to the list that they are given.
LOCAL_BEAM_ARGS = (
    "--runner=FnApiRunner",
    "--direct_running_mode=in_memory",
    "--direct_num_workers=1",
    f"--setup_file={SETUP_FILE}",
)

# Between the stages of a job its workers are kept: each would import TensorFlow anew.
_KEEP_WORKERS_MS = 60_000


def beam_args(beam: Beam) -> list[str]:
    """All options of the data-parallel components, as Beam's command line takes them."""
    return [*LOCAL_BEAM_ARGS, *engine_args(beam)]


def engine_args(beam: Beam) -> list[str]:
    """What the engine adds to the options of a local run; of an option given twice, Beam takes the last."""
    match beam.runner:
        case "flink":
            engine = _flink(beam.flink)
        case "spark":
            engine = _spark(beam.spark)
        case "dataflow":
            engine = _dataflow(beam.dataflow)
        case _:
            engine = []
    return [*engine, *beam.options]


def _flink(flink: Flink) -> list[str]:
    starts = [
        "--runner=FlinkRunner",
        f"--flink_master={flink.master or '[local]'}",
        f"--flink_version={flink.version}",
        *_given(flink_job_server_jar=flink.job_server_jar),
    ]
    return [*_job_server(flink, starts), f"--parallelism={flink.parallelism}", *_environment(flink)]


def _spark(spark: Spark) -> list[str]:
    starts = [
        "--runner=SparkRunner",
        f"--spark_master_url={spark.master or 'local[*]'}",
        *_given(spark_job_server_jar=spark.job_server_jar),
    ]
    return [*_job_server(spark, starts), *_environment(spark)]


def _dataflow(dataflow: Dataflow) -> list[str]:
    return [
        "--runner=DataflowRunner",
        *_given(
            project=dataflow.project,
            region=dataflow.region,
            temp_location=dataflow.temp_location,
            staging_location=dataflow.staging_location,
            sdk_container_image=dataflow.image,
            max_num_workers=dataflow.max_workers,
        ),
    ]


def _job_server(engine: Portable, starts: list[str]) -> list[str]:
    """Options for the job server that runs already, or those that start one."""
    return ["--runner=PortableRunner", f"--job_endpoint={engine.job_endpoint}"] if engine.job_endpoint else starts


def _environment(engine: Portable) -> list[str]:
    return [
        f"--environment_type={engine.worker_environment}",
        *_given(environment_config=engine.environment_config),
        f"--environment_cache_millis={_KEEP_WORKERS_MS}",
    ]


def _given(**options: object) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items() if value]
