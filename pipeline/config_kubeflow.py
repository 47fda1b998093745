"""The section `kubeflow`: what a pipeline run on Kubeflow Pipelines asks of the cluster."""

import re
from typing import Literal

import pydantic

from pipeline.config_section import Section

_QUANTITY = re.compile(r"^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")


def _quantity(value: str) -> str:
    if not _QUANTITY.match(value):
        raise ValueError(f"must be a quantity of Kubernetes, such as 500m or 4Gi, not '{value}'")
    return value


class Resources(Section):
    """What a container is promised, and what it is stopped at, as quantities of Kubernetes."""

    cpu_request: str = "1"
    cpu_limit: str = "2"
    memory_request: str = "2Gi"
    memory_limit: str = "4Gi"

    _quantities = pydantic.field_validator("*")(_quantity)


class Toleration(Section):
    """A taint of nodes that the Trainer does not mind, in Kubernetes' own words."""

    key: str
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute", ""] = ""


class Secret(Section):
    """A Secret of the cluster, by name: which of its keys become which environment variables. Values stay there."""

    name: str
    environment: dict[str, str] = pydantic.Field(min_length=1)


class Volume(Section):
    """A persistent volume claim that every container mounts, such as the one that holds the tables."""

    claim: str
    path: str = pydantic.Field(pattern=r"^/.+")


class Kubeflow(Section):
    """The cluster, as far as a pipeline has to know it. Only the Trainer asks for a GPU."""

    image: str = "shelfwise:latest"  # of kubeflow/images/Dockerfile
    trainer_image: str = "shelfwise-gpu:latest"  # of kubeflow/images/trainer.Dockerfile
    pipeline_root: str = "minio://mlpipeline/shelfwise"  # where artefacts are stored
    accelerator: str = "nvidia.com/gpu"  # a resource name of Kubernetes or a GPU type of Vertex; empty: trains on CPUs
    accelerator_count: pydantic.PositiveInt = 1
    node_selector: dict[str, str] = {}  # labels of the nodes that may train
    tolerations: list[Toleration] = [Toleration(key="nvidia.com/gpu", effect="NoSchedule")]
    shared_memory: str = "2Gi"  # of the Trainer, beyond the 64 MiB that containers get
    resources: dict[str, Resources] = {}  # by component, such as Trainer, in place of the defaults
    retries: pydantic.NonNegativeInt = 2  # of components that can safely run twice
    secrets: list[Secret] = []
    volumes: list[Volume] = []

    _quantities = pydantic.field_validator("shared_memory")(_quantity)
