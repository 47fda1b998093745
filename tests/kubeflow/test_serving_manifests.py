"""The manifests, overlay by overlay: accepted by Kubernetes' own schemas, and consistent in themselves."""

import collections
import json

import kubernetes_validate
import pytest
from manifests import config_maps, container, flags, only, pod

from pipeline.config_serving import Serving

OVERLAYS = ("gpu", "one-gpu", "cpu", "canary")
EVERY_OVERLAY = pytest.mark.parametrize("overlay", OVERLAYS)
ALWAYS = {"ConfigMap", "Deployment", "NetworkPolicy", "PersistentVolumeClaim", "Service"}
SCALED = {"HorizontalPodAutoscaler", "PodDisruptionBudget"}


@pytest.mark.parametrize("version", ["1.30", "1.37"])
@EVERY_OVERLAY
def test_kubernetes_accepts_every_document(build, overlay, version):
    for document in build(overlay):
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize(
    ("overlay", "kinds"),
    [("gpu", ALWAYS | SCALED), ("cpu", ALWAYS | SCALED), ("canary", ALWAYS | SCALED), ("one-gpu", ALWAYS)],
)
def test_an_overlay_holds_what_its_cluster_needs(build, overlay, kinds):
    documents = build(overlay)
    assert {document["kind"] for document in documents} == kinds
    names = collections.Counter((document["kind"], document["metadata"]["name"]) for document in documents)
    assert max(names.values()) == 1


@EVERY_OVERLAY
def test_every_selector_finds_the_pods(build, overlay):
    documents = build(overlay)
    deployment = only(documents, "Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = [deployment["selector"]["matchLabels"], only(documents, "Service")["spec"]["selector"]]
    selectors += [spread["labelSelector"]["matchLabels"] for spread in pod(documents)["topologySpreadConstraints"]]
    selectors += [only(documents, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"]]
    selectors += [d["spec"]["selector"]["matchLabels"] for d in documents if d["kind"] == "PodDisruptionBudget"]
    for selector in selectors:
        assert selector
        assert selector.items() <= labels.items()


@EVERY_OVERLAY
def test_what_scales_names_the_deployment(build, overlay):
    documents = build(overlay)
    name = only(documents, "Deployment")["metadata"]["name"]
    targets = [d["spec"]["scaleTargetRef"]["name"] for d in documents if d["kind"] == "HorizontalPodAutoscaler"]
    assert targets == [name] * len(targets)


@EVERY_OVERLAY
def test_every_volume_has_a_source_and_every_mount_a_volume(build, overlay):
    documents = build(overlay)
    volumes = {volume["name"]: volume for volume in pod(documents)["volumes"]}
    mounted = {
        mount["name"]
        for each in [*pod(documents).get("initContainers", []), container(documents)]
        for mount in each["volumeMounts"]
    }
    assert mounted == set(volumes)
    sources = [volume["persistentVolumeClaim"] for volume in volumes.values() if "persistentVolumeClaim" in volume]
    claims = {source["claimName"] for source in sources}
    maps = {volume["configMap"]["name"] for volume in volumes.values() if "configMap" in volume}
    assert claims == {only(documents, "PersistentVolumeClaim")["metadata"]["name"]}
    assert maps == set(config_maps(documents))


@EVERY_OVERLAY
def test_every_file_that_a_flag_names_is_mounted(build, overlay):
    documents = build(overlay)
    volumes = {volume["name"]: volume for volume in pod(documents)["volumes"]}
    files = set()
    for mount in container(documents)["volumeMounts"]:
        assert "subPath" not in mount  # such a file is never replaced, see models.config
        volume = volumes[mount["name"]]
        if "configMap" in volume:
            files |= {f"{mount['mountPath']}/{name}" for name in config_maps(documents)[volume["configMap"]["name"]]}
    named = {value for flag, value in flags(container(documents)["args"]).items() if flag.endswith("_file")}
    assert {"/etc/shelfwise/models/models.config", "/etc/shelfwise/server/batching.config"} < named
    assert named - {"/etc/shelfwise/tls/ssl.config"} <= files  # that one is written at the start


@EVERY_OVERLAY
def test_every_named_port_is_one_of_the_container(build, overlay):
    documents = build(overlay)
    ports = {port["name"]: port["containerPort"] for port in container(documents)["ports"]}
    arguments = flags(container(documents)["args"])
    assert ports == {"grpc": int(arguments["port"]), "rest": int(arguments["rest_api_port"])}
    used = {port["targetPort"] for port in only(documents, "Service")["spec"]["ports"]}
    used |= {port["port"] for rule in only(documents, "NetworkPolicy")["spec"]["ingress"] for port in rule["ports"]}
    used |= {container(documents)[f"{probe}Probe"]["httpGet"]["port"] for probe in ("startup", "readiness", "liveness")}
    assert used == set(ports)
    annotations = only(documents, "Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(ports["rest"])


@EVERY_OVERLAY
def test_no_container_may_do_more_than_serve(build, overlay):
    specification = pod(build(overlay))
    assert specification["automountServiceAccountToken"] is False
    assert specification["securityContext"]["runAsNonRoot"] is True
    assert specification["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for each in [*specification.get("initContainers", []), *specification["containers"]]:
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in each["resources"]["limits"]
        assert {"cpu", "memory"} <= set(each["resources"]["requests"])


@EVERY_OVERLAY
def test_no_secret_is_written_down(build, overlay):
    documents = build(overlay)
    assert "Secret" not in {document["kind"] for document in documents}
    assert "PRIVATE KEY" not in json.dumps(documents)


@EVERY_OVERLAY
def test_a_pod_outlives_its_last_connection(build, overlay):
    """A connection lasts its age, varied by 10 % (gRPC's proposal A9), and the time for requests in flight."""
    documents = build(overlay)
    settings = flags(container(documents)["args"])["grpc_channel_arguments"]
    values = {name: int(value) for name, value in (setting.split("=") for setting in settings.split(","))}
    longest_ms = 1.1 * values["grpc.max_connection_age_ms"] + values["grpc.max_connection_age_grace_ms"]
    seconds_until_no_new_connection = 10
    assert longest_ms / 1000 + seconds_until_no_new_connection <= pod(documents)["terminationGracePeriodSeconds"]


@EVERY_OVERLAY
def test_the_pod_is_given_what_the_pipeline_lets_a_model_take(build, overlay):
    server = container(build(overlay))
    validation = Serving()
    startup = server["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == validation.max_load_seconds
    assert server["resources"]["limits"]["memory"] == f"{2 * validation.max_memory_mib // 1024}Gi"  # old and new


@pytest.mark.parametrize("overlay", ["gpu", "one-gpu", "canary"])
def test_a_gpu_pod_gets_one_gpu_and_the_gpu_image(build, overlay):
    documents = build(overlay)
    assert container(documents)["image"] == "tensorflow/serving:2.19.1-gpu"
    assert container(documents)["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert "nvidia.com/gpu" in {toleration["key"] for toleration in pod(documents)["tolerations"]}


def test_the_cpu_fallback_asks_for_no_gpu(build):
    documents = build("cpu")
    assert container(documents)["image"] == "tensorflow/serving:2.19.1"
    assert "nvidia" not in json.dumps(documents)


def test_the_cpu_fallback_replaces_the_gpu_deployment(build):
    """Applying the other overlay changes the same objects: a fallback of other names would leave the clients behind."""

    def names(overlay):
        return {(d["kind"], d["metadata"]["name"]) for d in build(overlay)}

    assert names("cpu") == names("gpu")


def test_no_pod_is_stopped_for_a_rollout_where_there_are_gpus_to_spare(build):
    documents = build("gpu")
    strategy = only(documents, "Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxUnavailable": 0, "maxSurge": 1}
    assert only(documents, "HorizontalPodAutoscaler")["spec"]["minReplicas"] == 2


def test_a_rollout_on_a_single_gpu_never_waits_for_a_second(build):
    deployment = only(build("one-gpu"), "Deployment")["spec"]
    assert deployment["replicas"] == 1
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
