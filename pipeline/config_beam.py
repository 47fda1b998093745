"""The section `beam`: which engine runs the data-parallel components, and how it gets at their code and data.

Every engine has a section of its own and keeps it whichever runs, so that `--beam-runner` switches between them.
"""

import re
from typing import Annotated, Literal

import pydantic

from pipeline.config_section import Section


def _quoted(version: object) -> object:
    """Refuses a version that YAML has read as a number, in which 1.20 is 1.2."""
    if isinstance(version, float):
        raise ValueError("YAML reads the version as a number; put it in quotes")
    return version


# Those for which Beam 2.77 publishes a job server.
FlinkVersion = Annotated[Literal["1.19", "1.20", "2.0", "2.1", "2.2"], pydantic.BeforeValidator(_quoted)]
_HOST_AND_PORT = r"[A-Za-z0-9_.-]+:\d{1,5}"
_OPTION = r"^--[A-Za-z][A-Za-z0-9_-]*(=.*)?$"

Endpoint = Annotated[str, pydantic.Field(pattern=rf"^({_HOST_AND_PORT})?$")]
Bucket = Annotated[str, pydantic.Field(pattern=r"^(gs://[a-z0-9].*)?$")]


class Portable(Section):
    """What engines behind a job server of Beam's have in common.

    `environment` is what the engine starts Python workers in: `docker`, `environment_config` being an image in which
    Shelfwise is installed; `external`, a worker pool at HOST:PORT, as
    `python -m apache_beam.runners.worker.worker_pool_main` starts it on each machine; `process`, a command as the JSON
    that Beam documents; `loopback`, this process, for an engine on this machine.
    """

    master: str = ""  # empty: an engine that lives as long as the job, in the job server on this machine
    job_endpoint: Endpoint = ""  # HOST:PORT of a job server that runs already, and has a master of its own
    job_server_jar: str = ""  # path or address; empty: Beam fetches that of its own version
    environment: Literal["loopback", "docker", "external", "process"] | None = None  # None: loopback, without a master
    environment_config: str = ""

    @pydantic.model_validator(mode="after")
    def _has_one_master(self):
        if self.job_endpoint and (self.master or self.job_server_jar):
            raise ValueError(
                f"the job server at `job_endpoint` {self.job_endpoint} has a master of its own; remove `job_endpoint`, "
                "or remove `master` and `job_server_jar`"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _workers_have_an_environment(self):
        if self.environment is None and (self.master or self.job_endpoint):
            raise ValueError(
                "workers of a cluster need an `environment`: docker, external or process; loopback if all of it runs "
                "on this machine"
            )
        needs = {"docker": "an image", "external": "HOST:PORT of the worker pool", "process": "a command as JSON"}
        if self.environment in needs and not self.environment_config:
            raise ValueError(f"`environment: {self.environment}` needs {needs[self.environment]} in environment_config")
        if self.environment == "external" and not re.fullmatch(_HOST_AND_PORT, self.environment_config):
            raise ValueError(f"`environment: external` needs HOST:PORT, not {self.environment_config!r}")
        if self.environment not in needs and self.environment_config:
            raise ValueError("`environment_config` belongs to the environments docker, external and process")
        return self

    @property
    def worker_environment(self) -> str:
        """The environment, in Beam's spelling."""
        return (self.environment or "loopback").upper()


class Flink(Portable):
    """A Flink cluster: `master` is HOST:PORT of its REST endpoint."""

    master: Annotated[str, pydantic.Field(pattern=rf"^((https?://)?{_HOST_AND_PORT})?$")] = ""
    version: FlinkVersion = "1.19"
    parallelism: pydantic.PositiveInt = 2  # task slots that a job takes


class Spark(Portable):
    """A Spark 3 cluster, the only one that Beam 2.77 publishes a job server for; `master` is spark://HOST:PORT."""

    master: Annotated[str, pydantic.Field(pattern=rf"^(spark://{_HOST_AND_PORT})?$")] = ""


class Dataflow(Section):
    """Google Cloud Dataflow. Credentials are those of the environment that runs the command."""

    project: str = ""
    region: str = ""
    temp_location: Bucket = ""
    staging_location: Bucket = ""  # empty: below `temp_location`
    image: str = ""  # in which Shelfwise is installed
    max_workers: pydantic.PositiveInt | None = None  # None: as many as Dataflow finds right


class Beam(Section):
    """Where the data-parallel components run: ingestion, statistics, the join, Transform and Evaluator.

    All others run on the machine of the command.
    """

    runner: Literal["direct", "flink", "spark", "dataflow"] = "direct"  # direct: in the process
    flink: Flink = Flink()
    spark: Spark = Spark()
    dataflow: Dataflow = Dataflow()
    # Where artefacts are written: a folder or a bucket that all workers reach; empty: below `runs_dir`.
    artifacts_root: str = ""
    options: list[
        Annotated[str, pydantic.Field(pattern=_OPTION)]
    ] = []  # further ones of Beam or its runner, --NAME=VALUE

    @pydantic.field_validator("options")
    @classmethod
    def _runner_is_the_key(cls, options: list[str]) -> list[str]:
        if any(re.match(r"--runner(=|$)", option) for option in options):
            raise ValueError("the runner is the key `runner`; remove --runner")
        return options

    @pydantic.model_validator(mode="after")
    def _dataflow_has_what_it_needs(self):
        if self.runner != "dataflow":
            return self
        needed = ("project", "region", "temp_location", "image")
        missing = [f"beam.dataflow.{key}" for key in needed if not getattr(self.dataflow, key)]
        if not self.artifacts_root.startswith("gs://"):
            missing.append(
                "beam.artifacts_root, as gs://BUCKET/FOLDER, since its workers see no folder of this machine"
            )
        if missing:
            raise ValueError(f"the runner dataflow needs {'; '.join(missing)}")
        return self

    def check(self, data_root: str) -> None:
        """Checks what is configured elsewhere.

        Args:
            data_root: where the three tables are.

        Raises:
            ValueError: workers of the engine cannot read them there.
        """
        engine = {"flink": self.flink, "spark": self.spark}.get(self.runner)
        if self.runner == "dataflow" and not data_root.startswith("gs://"):
            raise ValueError(
                f"workers of the runner dataflow cannot read data.root {data_root}; put the tables at gs://"
            )
        if engine and engine.worker_environment != "LOOPBACK" and not re.match(r"/|[a-z][a-z0-9+.-]*://", data_root):
            raise ValueError(
                f"workers of the runner {self.runner} have folders of their own; make data.root {data_root} absolute"
            )
