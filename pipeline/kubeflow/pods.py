"""What the pods of the compiled pipeline get: processors, memory, the Trainer's GPU, retries, secrets, volumes.

The pipeline specification itself carries resources and retries. What only Kubernetes knows (node selectors,
tolerations, shared memory, Secrets, claims) stands in the second document of the YAML, the platform specification.
"""

from typing import Any

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes

from pipeline.config_kubeflow import Kubeflow, Resources

TRAINER = "Trainer"

_LIGHT = Resources(cpu_request="250m", cpu_limit="1", memory_request="1Gi", memory_limit="2Gi")
_DATA = Resources(cpu_request="1", cpu_limit="2", memory_request="4Gi", memory_limit="8Gi")
_HEAVY = Resources(cpu_request="2", cpu_limit="4", memory_request="8Gi", memory_limit="16Gi")
_DEFAULTS = {
    **{f"{table}{step}": _DATA for table in ("Events", "Items", "Users") for step in ("Gen", "Statistics")},
    **dict.fromkeys(("RequestExamples", "Transform", "Evaluator", TRAINER), _HEAVY),
    **dict.fromkeys(("ServingGen", "ServingStatistics", "RequestStatistics"), _DATA),
    "InfraValidator": _DATA,  # it holds a server with the model
}

# A second run of Pusher would push a second version. The gates fail because of the data, which a retry will not mend.
RUN_ONCE = ("Pusher", "DataGate", "SkewGate")


def placeholder(parameter: str) -> str:
    """How a specification refers to a parameter that its task is handed."""
    return f"{{{{$.inputs.parameters['{parameter}']}}}}"


def resources(component: str, settings: Kubeflow) -> dict[str, Any]:
    """The `resources` of a component's container, as Kubeflow Pipelines 2 reads them.

    Args:
        component: its id in the DAG.
        settings: the configuration's section.
    """
    given = settings.resources.get(component, _DEFAULTS.get(component, _LIGHT))
    spec: dict[str, Any] = {
        "resourceCpuRequest": given.cpu_request,
        "resourceCpuLimit": given.cpu_limit,
        "resourceMemoryRequest": given.memory_request,
        "resourceMemoryLimit": given.memory_limit,
    }
    if component == TRAINER and settings.accelerator:
        spec["accelerator"] = {
            "resourceType": placeholder("accelerator"),
            "resourceCount": placeholder("accelerator_count"),
        }
    return spec


def retry_policy(component: str, settings: Kubeflow) -> dict[str, Any] | None:
    """How often a task is tried again after a failure, or None for one that must not be.

    Outputs of a task are its own and its caches are keyed by inputs, so a second try starts from nothing.
    """
    if component in RUN_ONCE or not settings.retries:
        return None
    return {
        "maxRetryCount": settings.retries,
        "backoffDuration": "30s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": "600s",
    }


def platform(components: list[str], settings: Kubeflow) -> dict[str, Any]:
    """The platform specification: what Kubernetes has to know about each executor.

    Args:
        components: ids of all components that run in containers.
        settings: the configuration's section.

    Returns:
        The second document of the YAML; executors without anything to say are left out.
    """
    executors = {}
    for component in components:
        config = _executor(component, settings)
        if config:
            executors[f"{component}_executor"] = config
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}} if executors else {}


def _executor(component: str, settings: Kubeflow) -> dict[str, Any]:
    config = kubernetes.KubernetesExecutorConfig()
    for secret in settings.secrets:
        as_environment = config.secret_as_env.add(secret_name=secret.name)
        as_environment.secret_name_parameter.runtime_value.constant.string_value = secret.name
        for key, variable in secret.environment.items():
            as_environment.key_to_env.add(secret_key=key, env_var=variable)
    for volume in settings.volumes:
        mount = config.pvc_mount.add(constant=volume.claim, mount_path=volume.path)
        mount.pvc_name_parameter.runtime_value.constant.string_value = volume.claim
    if component == TRAINER:
        config.enabled_shared_memory.CopyFrom(
            kubernetes.EnabledSharedMemory(volume_name="shm", size=settings.shared_memory)
        )
        if settings.accelerator:
            config.node_selector.labels.update(settings.node_selector)
            for toleration in settings.tolerations:
                config.tolerations.add(**toleration.model_dump())
    return json_format.MessageToDict(config)
