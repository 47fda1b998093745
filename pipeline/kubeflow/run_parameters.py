"""What can be set anew for each run of a compiled pipeline, and what it changes in the components.

The compiler declares these as parameters of the pipeline and hands each to the components it concerns; the containers'
entry point puts it into their execution properties, of which TFX would let a run replace only whole ones.
"""

import json
import os
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from pipeline.config import Config

_TABLE_GENS = ("EventsGen", "ItemsGen", "UsersGen")
_OPEN = -1  # Kubeflow Pipelines' integers know no null


class RunParameter(NamedTuple):
    """One of them.

    Attributes:
        kind: how Kubeflow Pipelines types it.
        default: its value for runs that do not set it; None for one that every run has to set, since what is configured
            makes sense on this machine only.
        components: whom it concerns; all when empty.
        apply: puts a value into the execution properties of one of these; None when it concerns only the pod.
        description: what people read who start a run.
    """

    kind: Literal["STRING", "NUMBER_INTEGER"]
    default: Callable[[Config], str | int | None]
    components: tuple[str, ...]
    apply: Callable[[dict[str, Any], Any], None] | None
    description: str


def _is_absolute(place: str) -> bool:
    return os.path.isabs(place) or "://" in place


def _reachable(address: str) -> str:
    """minio:// is the launcher's word for an S3 server; the endpoint is in the environment."""
    return address.replace("minio://", "s3://", 1) if address.startswith("minio://") else address


def _set_data_root(properties: dict[str, Any], value: str) -> None:
    table = os.path.basename(properties["input_base"].rstrip("/"))
    properties["input_base"] = os.path.join(_reachable(value), table)


def _set_contract(key: str) -> Callable[[dict[str, Any], int], None]:
    """The contract travels as JSON in a StringValue in an Any in a CustomConfig, which is JSON again."""

    def apply(properties: dict[str, Any], value: int) -> None:
        custom = json.loads(properties["custom_config"])
        (packed,) = custom.values()
        span = None if int(value) == _OPEN else int(value)
        packed["value"] = json.dumps(json.loads(packed["value"]) | {key: span})
        properties["custom_config"] = json.dumps(custom)

    return apply


def _set_epochs(properties: dict[str, Any], value: int) -> None:
    custom = json.loads(properties["custom_config"])
    settings = json.loads(custom["settings"])
    settings["training"]["epochs"] = int(value)
    properties["custom_config"] = json.dumps(custom | {"settings": json.dumps(settings)})


def _set_destination(properties: dict[str, Any], value: str) -> None:
    value = _reachable(value)
    if "push_destination" in properties:  # of Pusher
        properties["push_destination"] = json.dumps({"filesystem": {"base_directory": value}})
    else:  # of the baseline
        properties["base"] = value


RUN_PARAMETERS = {
    "data_root": RunParameter(
        "STRING",
        lambda config: config.data.root if _is_absolute(config.data.root) else None,
        _TABLE_GENS,
        _set_data_root,
        "The folder of the tables events, items and users, as the containers see it",
    ),
    "first_span": RunParameter(
        "NUMBER_INTEGER",
        lambda config: _OPEN if config.data.first_span is None else config.data.first_span,
        ("EventsGen",),
        _set_contract("first_span"),
        f"The oldest span of events that may be read; {_OPEN}: the oldest there is",
    ),
    "last_span": RunParameter(
        "NUMBER_INTEGER",
        lambda config: _OPEN if config.data.last_span is None else config.data.last_span,
        ("EventsGen",),
        _set_contract("last_span"),
        f"The newest span of events that is read; {_OPEN}: the newest there is",
    ),
    "epochs": RunParameter(
        "NUMBER_INTEGER",
        lambda config: config.training.epochs,
        ("Trainer",),
        _set_epochs,
        "How often a training that starts cold goes through its examples, at most",
    ),
    "destination": RunParameter(
        "STRING",
        lambda config: config.destination if config.serving.destination else None,
        ("Parent", "Baseline", "Pusher"),
        _set_destination,
        "Where versions are pushed, and where the one to stand up to is read",
    ),
    "image": RunParameter(
        "STRING", lambda config: config.kubeflow.image, (), None, "The image of all components but the Trainer"
    ),
    "trainer_image": RunParameter(
        "STRING", lambda config: config.kubeflow.trainer_image, ("Trainer",), None, "The image of the Trainer"
    ),
    "accelerator": RunParameter(
        "STRING",
        lambda config: config.kubeflow.accelerator,
        ("Trainer",),
        None,
        "The resource name of the Trainer's GPUs, such as nvidia.com/gpu or amd.com/gpu",
    ),
    "accelerator_count": RunParameter(
        "STRING", lambda config: str(config.kubeflow.accelerator_count), ("Trainer",), None, "How many GPUs it gets"
    ),
}


def of_component(component: str, config: Config) -> dict[str, RunParameter]:
    """The parameters that a component is handed.

    Args:
        component: its id in the DAG, such as `Trainer`.
        config: says whether the Trainer gets a GPU at all.
    """
    found = {name: p for name, p in RUN_PARAMETERS.items() if not p.components or component in p.components}
    found.pop("image" if component == "Trainer" else "trainer_image", None)
    if not config.kubeflow.accelerator:
        found = {name: p for name, p in found.items() if not name.startswith("accelerator")}
    return found


def apply(values: dict[str, Any]) -> dict[str, Any]:
    """A component's execution properties with the run's parameters in them.

    Args:
        values: the parameters that the container was given, both kinds together.
    """
    properties = {name: value for name, value in values.items() if name not in RUN_PARAMETERS}
    for name, value in values.items():
        parameter = RUN_PARAMETERS.get(name)
        if parameter is not None and parameter.apply is not None:
            parameter.apply(properties, value)
    return properties
