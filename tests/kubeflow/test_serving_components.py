"""TLS, a bucket and changed configuration files, put together as a shop's own overlay puts them."""

import kubernetes_validate
import pytest
import yaml
from manifests import config_maps, container, flags, only, pod


def own(base: str, *components: str) -> str:
    """A shop's overlay over a shipped one."""
    return yaml.safe_dump(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [f"../{base}"],
            "components": [f"../../components/{component}" for component in components],
        }
    )


def ports_of_clients(documents: list[dict]) -> list[str]:
    """The ports that the network policy opens to the shop's back end."""
    (rule,) = [
        rule
        for rule in only(documents, "NetworkPolicy")["spec"]["ingress"]
        if "podSelector" in rule["from"][0]  # Prometheus comes from another namespace
    ]
    return [port["port"] for port in rule["ports"]]


@pytest.mark.parametrize("component", ["bucket", "tls"])
@pytest.mark.parametrize("base", ["gpu", "one-gpu", "cpu"])
def test_kubernetes_accepts_a_component_on_any_overlay(shop, base, component):
    for document in shop(own(base, component)):
        kubernetes_validate.validate(document, "1.37", strict=True)


def test_with_tls_no_client_reaches_the_server_unencrypted(build):
    documents = build("canary")
    assert flags(container(documents)["args"])["ssl_config_file"] == "/etc/shelfwise/tls/ssl.config"
    assert ports_of_clients(documents) == ["grpc"]
    assert [port["name"] for port in only(documents, "Service")["spec"]["ports"]] == ["grpc"]


def test_without_tls_clients_reach_both_ports(build):
    documents = build("gpu")
    assert "ssl_config_file" not in flags(container(documents)["args"])
    assert ports_of_clients(documents) == ["grpc", "rest"]


def test_certificates_come_from_a_secret_and_the_key_stays_in_memory(build):
    volumes = {volume["name"]: volume for volume in pod(build("canary"))["volumes"]}
    assert volumes["certificates"]["secret"]["secretName"] == "shelfwise-tls"
    assert volumes["ssl-config"]["emptyDir"]["medium"] == "Memory"


@pytest.mark.parametrize("base", ["gpu", "cpu"])
def test_tls_needs_no_second_image(shop, base):
    documents = shop(own(base, "tls"))
    (init_container,) = pod(documents)["initContainers"]
    assert init_container["image"] == container(documents)["image"]


def test_versions_from_a_bucket_need_no_volume(shop):
    documents = shop(own("gpu", "bucket"))
    assert "PersistentVolumeClaim" not in {document["kind"] for document in documents}
    assert "/models" not in {mount["mountPath"] for mount in container(documents)["volumeMounts"]}
    assert "versions" not in {volume["name"] for volume in pod(documents)["volumes"]}
    assert pod(documents)["serviceAccountName"] == only(documents, "ServiceAccount")["metadata"]["name"]
    assert 'base_path: "gs://' in config_maps(documents)["shelfwise-models"]["models.config"]
    reached = {port["port"] for rule in only(documents, "NetworkPolicy")["spec"]["egress"] for port in rule["ports"]}
    assert {53, 443} <= reached


def test_a_server_that_reads_a_volume_may_call_nobody(build):
    policy = only(build("gpu"), "NetworkPolicy")["spec"]
    assert "Egress" in policy["policyTypes"]
    assert policy["egress"] == []


def test_another_models_config_reaches_the_running_pods(shop):
    """Its ConfigMap keeps its name, so that the Pods stay and the kubelet replaces the file under them."""
    before = shop(own("gpu"))
    (shop.folder / "config" / "models.config").write_text("model_config_list {}")
    after = shop(own("gpu"))
    assert config_maps(after)["shelfwise-models"] == {"models.config": "model_config_list {}"}
    assert pod(after) == pod(before)


@pytest.mark.parametrize("name", ["batching.config", "monitoring.config"])
def test_another_file_that_is_read_at_the_start_rolls_the_pods(shop, name):
    before = shop(own("gpu"))
    with (shop.folder / "config" / name).open("a") as file:
        file.write("# changed\n")
    assert pod(shop(own("gpu"))) != pod(before)
