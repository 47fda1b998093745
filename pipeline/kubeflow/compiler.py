"""Compiles the DAG of `pipeline.dag` for Kubeflow Pipelines 2 (open source), or for Vertex AI Pipelines.

TFX's own runner writes the specification; what it cannot say is added here: parameters of a run with their defaults,
images and GPUs as parameters, requests and limits, retries, and the files that the configuration names, so that the
result needs nothing but the image. The DAG differs from the local one in one node: Baseline, a Resolver there, is the
component `PushedModel`, since open-source Kubeflow Pipelines refuses any pipeline that has a resolver.
"""

import base64
import json
import pathlib
from typing import Any

import yaml
from tfx.components import FileBasedExampleGen
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig

from components.baseline.pushed_model import PushedModel
from pipeline.config import Config
from pipeline.dag import create_pipeline
from pipeline.kubeflow import pods, run_parameters
from pipeline.kubeflow.messages import DATA_URI
from pipeline.kubeflow.run_parameters import RUN_PARAMETERS

ENTRY_POINT = ["python", "-m", "pipeline.kubeflow.entrypoint"]


def write(config: Config, path: pathlib.Path, vertex: bool = False) -> pathlib.Path:
    """Compiles a shop's pipeline into a file.

    Args:
        config: the shop.
        path: the YAML to write, or with `vertex` the JSON.
        vertex: for Vertex AI Pipelines instead of open-source Kubeflow Pipelines.

    Returns:
        Where it is.

    Raises:
        ConfigError: what is configured about a table's columns contradicts itself.
    """
    if vertex:
        text = json.dumps(vertex_job(config), indent=2, sort_keys=True)
    else:
        text = yaml.safe_dump_all(documents(config), sort_keys=True, width=120)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".incoming")
    aside.write_text(text)
    aside.rename(path)
    return path


def documents(config: Config) -> list[dict[str, Any]]:
    """The pipeline specification, and the platform specification if there is anything to say in it."""
    spec, components = _compile(config)
    for name, parameter in RUN_PARAMETERS.items():
        if any(name in run_parameters.of_component(component, config) for component in components):
            _declare(spec, name, parameter.default(config))
    for component in components:
        for name in run_parameters.of_component(component, config):
            _hand_over(spec, component, name)
        container = _container(spec, component)
        container["image"] = pods.placeholder("trainer_image" if component == pods.TRAINER else "image")
        container["resources"] = pods.resources(component, config.kubeflow)
        if policy := pods.retry_policy(component, config.kubeflow):
            spec["root"]["dag"]["tasks"][component]["retryPolicy"] = policy
    platform = pods.platform(components, config.kubeflow)
    return [spec, platform] if platform else [spec]


def vertex_job(config: Config) -> dict[str, Any]:
    """A PipelineJob of Vertex AI, which knows images and machines as constants only and no platform specification."""
    spec, components = _compile(config)
    for component in components:
        container = _container(spec, component)
        is_trainer = component == pods.TRAINER
        container["image"] = config.kubeflow.trainer_image if is_trainer else config.kubeflow.image
        for name in run_parameters.of_component(component, config):
            if RUN_PARAMETERS[name].apply is not None:
                _declare(spec, name, RUN_PARAMETERS[name].default(config))
                _hand_over(spec, component, name)
        if is_trainer and config.kubeflow.accelerator:
            container["resources"] = {
                "accelerator": {"type": config.kubeflow.accelerator, "count": str(config.kubeflow.accelerator_count)}
            }
    return {
        "displayName": spec["pipelineInfo"]["name"],
        "pipelineSpec": spec,
        "runtimeConfig": {"gcsOutputDirectory": config.kubeflow.pipeline_root},
    }


def _compile(config: Config) -> tuple[dict[str, Any], list[str]]:
    """The specification as TFX writes it, made self-contained, and the ids of its components."""
    pipeline = create_pipeline(
        _without_local_checkpoints(config),
        baseline_of=lambda trainer: _pushed_model(config, trainer),
        parent_of=lambda _: PushedModel(base=config.destination),
    )
    pipeline.pipeline_info.pipeline_name = config.name.replace("_", "-")  # as Kubernetes has it
    runner = KubeflowV2DagRunner(
        KubeflowV2DagRunnerConfig(
            default_image=config.kubeflow.image, default_commands=ENTRY_POINT, use_pipeline_spec_2_1=True
        )
    )
    spec = runner.run(pipeline, write_out=False)["pipelineSpec"]
    for component in pipeline.components:
        container = _container(spec, component.id)
        # TFX's driver, in a hook that open-source Kubeflow Pipelines ignores; our ExampleGen finds the spans itself.
        container.pop("lifecycle", None)
        # The packages are where the image has them, which the entry point knows.
        given = [argument for argument in container["args"] if not argument.startswith("--setup_file=")]
        container["args"] = [*given, *(flag for flag in component.executor_spec.extra_flags if flag not in given)]
        task = spec["root"]["dag"]["tasks"][component.id]
        _embed_files(task)
        # These depend on what is outside, which no cache key knows of. TFX's local driver compares the tables' files; a
        # compiled pipeline has no driver.
        if isinstance(component, FileBasedExampleGen) or component.id in ("Baseline", "Parent"):
            task["cachingOptions"] = {}
    return spec, [component.id for component in pipeline.components]


def _without_local_checkpoints(config: Config) -> Config:
    """A folder of a container ends with it: checkpoints need a place that the next container sees."""
    if config.training.checkpoint_dir:
        return config
    training = config.training.model_copy(update={"checkpoint_seconds": None})
    return config.model_copy(update={"training": training})


def _pushed_model(config: Config, trainer: BaseComponent) -> BaseNode:
    baseline = PushedModel(base=config.destination)
    baseline.add_upstream_node(trainer)  # as late as can be: another run may push in the meantime
    return baseline


def _container(spec: dict[str, Any], component: str) -> dict[str, Any]:
    return spec["deploymentSpec"]["executors"][f"{component}_executor"]["container"]


def _embed_files(task: dict[str, Any]) -> None:
    """Puts the schema that a task imports into the specification itself."""
    schema = task.get("inputs", {}).get("parameters", {}).get("schema_file")
    if schema is not None:
        constant = schema["runtimeValue"]
        content = pathlib.Path(constant["constant"]).read_bytes()
        constant["constant"] = DATA_URI + base64.b64encode(content).decode()


def _declare(spec: dict[str, Any], name: str, default: str | int | None) -> None:
    declared = spec["root"].setdefault("inputDefinitions", {}).setdefault("parameters", {})
    parameter = RUN_PARAMETERS[name]
    declared[name] = {"parameterType": parameter.kind, "description": parameter.description}
    if default is not None:
        declared[name] |= {"defaultValue": default, "isOptional": True}


def _hand_over(spec: dict[str, Any], component: str, name: str) -> None:
    definitions = spec["components"][component].setdefault("inputDefinitions", {})
    definitions.setdefault("parameters", {})[name] = {"parameterType": RUN_PARAMETERS[name].kind}
    inputs = spec["root"]["dag"]["tasks"][component].setdefault("inputs", {})
    inputs.setdefault("parameters", {})[name] = {"componentInputParameter": name}
