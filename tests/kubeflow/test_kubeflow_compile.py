"""A compiled pipeline: what it asks of the cluster, what a run can set, and that it is the DAG that runs locally."""

import base64
import json
import pathlib

import pytest
import yaml
from kfp_cluster import Refused, read

from pipeline import config as configs
from pipeline.dag import create_pipeline
from pipeline.kubeflow import compiler

GROCER = pathlib.Path(__file__).parents[1] / "pipeline" / "grocer.yaml"
CLUSTER = {
    "serving.destination": "/models/shelfwise",
    "data.root": "/tables",
    "kubeflow.node_selector": {"cloud.google.com/gke-accelerator": "nvidia-l4"},
    "kubeflow.secrets": [{"name": "bucket", "environment": {"accesskey": "AWS_ACCESS_KEY_ID"}}],
    "kubeflow.volumes": [{"claim": "tables", "path": "/tables"}],
    "kubeflow.resources": {"Transform": {"memory_limit": "32Gi"}},
}


def load(**settings: object) -> configs.Config:
    return configs.load(GROCER, CLUSTER | {name.replace("__", "."): value for name, value in settings.items()})


def containers(spec: dict) -> dict[str, dict]:
    executors = spec["deploymentSpec"]["executors"]
    return {label.removesuffix("_executor"): executor["container"] for label, executor in executors.items()}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return compiler.write(load(), tmp_path_factory.mktemp("compiled") / "grocer.yaml")


@pytest.fixture(scope="module")
def documents(path):
    return read(path)


@pytest.fixture(scope="module")
def tasks(documents):
    return documents[0]["root"]["dag"]["tasks"]


def test_it_is_the_dag_that_runs_locally_but_for_how_the_baseline_is_found(tasks):
    local = create_pipeline(load())
    assert set(tasks) == {component.id for component in local.components}
    for component in local.components:
        upstream = {node.id for node in component.upstream_nodes}
        assert set(tasks[component.id].get("dependentTasks", [])) == upstream, component.id


def test_a_warm_start_goes_on_from_the_version_that_was_pushed_since_no_store_can_be_asked(tmp_path):
    spec = read(compiler.write(load(training__warm_start__enabled=True), tmp_path / "warm.yaml"))[0]
    tasks = spec["root"]["dag"]["tasks"]
    source = tasks["Trainer"]["inputs"]["artifacts"]["base_model"]["taskOutputArtifact"]
    assert (source["producerTask"], source["outputArtifactKey"]) == ("Parent", "model")
    assert "container" in spec["deploymentSpec"]["executors"]["Parent_executor"]
    assert tasks["Parent"]["cachingOptions"] == {}


def test_no_node_is_one_that_open_source_kubeflow_refuses(documents, tmp_path):
    spec = documents[0]
    assert all("container" in executor for executor in spec["deploymentSpec"]["executors"].values())
    with_resolver = json.loads(json.dumps(spec))
    with_resolver["deploymentSpec"]["executors"]["Baseline_executor"] = {"resolver": {}}
    refused = tmp_path / "resolver.yaml"
    refused.write_text(yaml.safe_dump(with_resolver))
    with pytest.raises(Refused, match="Baseline_executor: resolver is not implemented"):
        read(refused)


def test_the_trainer_and_nothing_else_asks_for_a_gpu_and_for_nodes_that_have_one(documents):
    asking = [name for name, container in containers(documents[0]).items() if "accelerator" in container["resources"]]
    assert asking == ["Trainer"]
    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    trainer = executors["Trainer_executor"]
    assert trainer["nodeSelector"] == {"labels": {"cloud.google.com/gke-accelerator": "nvidia-l4"}}
    assert trainer["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert trainer["enabledSharedMemory"] == {"volumeName": "shm", "size": "2Gi"}
    placed = [label for label, config in executors.items() if {"nodeSelector", "tolerations"} & set(config)]
    assert placed == ["Trainer_executor"]


def test_every_container_has_requests_and_limits(documents):
    for name, container in containers(documents[0]).items():
        asked = container["resources"]
        assert {"resourceCpuRequest", "resourceCpuLimit", "resourceMemoryRequest"} < set(asked), name
    assert containers(documents[0])["Transform"]["resources"]["resourceMemoryLimit"] == "32Gi"
    assert containers(documents[0])["Trainer"]["resources"]["resourceMemoryLimit"] == "16Gi"


def test_what_must_not_run_twice_is_not_tried_again(tasks):
    assert [name for name, task in tasks.items() if "retryPolicy" not in task] == ["DataGate", "Pusher"]
    assert tasks["Trainer"]["retryPolicy"]["maxRetryCount"] == 2


def test_what_depends_on_things_outside_is_never_taken_from_the_cache(tasks):
    uncached = [name for name, task in tasks.items() if not task["cachingOptions"].get("enableCache")]
    assert sorted(uncached) == ["Baseline", "EventsGen", "ItemsGen", "UsersGen"]


def test_secrets_are_referred_to_and_volumes_mounted_in_every_container(documents, tasks):
    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(executors) == {f"{name}_executor" for name in tasks}
    for config in executors.values():
        (secret,) = config["secretAsEnv"]
        assert secret["secretName"] == "bucket"
        assert secret["keyToEnv"] == [{"secretKey": "accesskey", "envVar": "AWS_ACCESS_KEY_ID"}]
        (mount,) = config["pvcMount"]
        assert (mount["constant"], mount["mountPath"]) == ("tables", "/tables")


def test_a_run_can_set_everything_that_differs_between_runs(documents):
    declared = documents[0]["root"]["inputDefinitions"]["parameters"]
    assert {name: parameter["defaultValue"] for name, parameter in declared.items()} == {
        "data_root": "/tables",
        "first_span": -1,
        "last_span": -1,
        "epochs": 1,
        "destination": "/models/shelfwise",
        "image": "shelfwise:latest",
        "trainer_image": "shelfwise-gpu:latest",
        "accelerator": "nvidia.com/gpu",
        "accelerator_count": "1",
    }


def test_the_window_is_in_the_file_for_the_cluster_to_cut():
    task = compiler.documents(load(data__window_spans=5))[0]["root"]["dag"]["tasks"]["EventsGen"]
    custom = json.loads(task["inputs"]["parameters"]["custom_config"]["runtimeValue"]["constant"])
    contract = json.loads(custom["custom_config"]["value"])
    assert (contract["first_span"], contract["last_span"], contract["window_spans"]) == (None, None, 5)


def test_what_makes_sense_on_this_machine_only_has_to_be_set_by_every_run():
    spec = compiler.documents(load(data__root="data/here", serving__destination=""))[0]
    declared = spec["root"]["inputDefinitions"]["parameters"]
    assert [name for name, parameter in declared.items() if "defaultValue" not in parameter] == [
        "data_root",
        "destination",
    ]


def test_schemas_are_in_the_file_and_nothing_names_this_machine(path, tasks):
    config = load()
    for table in ("events", "items", "users"):
        value = tasks[f"{table.capitalize()}Schema"]["inputs"]["parameters"]["schema_file"]["runtimeValue"]["constant"]
        content = base64.b64decode(value.partition(";base64,")[2])
        assert content == pathlib.Path(config.schema_dir, f"{table}.pbtxt").read_bytes()
    assert str(pathlib.Path.cwd()) not in path.read_text()
    assert str(GROCER.parent) not in path.read_text()


def test_checkpoints_need_a_place_that_outlives_the_container():
    def given(**settings: object) -> dict:
        task = compiler.documents(load(**settings))[0]["root"]["dag"]["tasks"]["Trainer"]
        return json.loads(task["inputs"]["parameters"]["custom_config"]["runtimeValue"]["constant"])

    assert given()["checkpoints"] == ""
    claim = given(training__checkpoint_dir="/claim")
    assert claim["checkpoints"] == "/claim/grocer/checkpoints"
    assert json.loads(claim["settings"])["training"]["checkpoint_seconds"] == 60


def test_a_change_of_the_code_changes_what_caches_compare(documents):
    assert any(argument.startswith("--decided_by=") for argument in containers(documents[0])["Trainer"]["args"])


def test_without_an_accelerator_training_asks_for_processors_only():
    spec, platform = compiler.documents(load(kubeflow__accelerator=""))
    assert "accelerator" not in containers(spec)["Trainer"]["resources"]
    assert "accelerator" not in spec["root"]["inputDefinitions"]["parameters"]
    trainer = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["Trainer_executor"]
    assert not {"nodeSelector", "tolerations"} & set(trainer)


def test_a_job_for_vertex_names_images_and_machines_outright(tmp_path):
    root, gpu = "gs://shop/pipelines", "NVIDIA_L4"
    config = load(kubeflow__pipeline_root=root, kubeflow__accelerator=gpu, serving__destination="gs://shop/models")
    job = json.loads(compiler.write(config, tmp_path / "grocer.json", vertex=True).read_text())
    assert job["runtimeConfig"]["gcsOutputDirectory"] == root
    trainer = containers(job["pipelineSpec"])["Trainer"]
    assert trainer["image"] == "shelfwise-gpu:latest"
    assert trainer["resources"]["accelerator"] == {"type": gpu, "count": "1"}
    assert set(job["pipelineSpec"]["root"]["inputDefinitions"]["parameters"]) == {
        *("data_root", "first_span", "last_span", "epochs", "destination")
    }


def test_a_mistake_in_the_section_is_reported_with_its_key():
    with pytest.raises(configs.ConfigError, match=r"kubeflow.resources.Trainer.memory_limit: must be a quantity"):
        load(kubeflow__resources={"Trainer": {"memory_limit": "16 GB"}})


def test_a_warm_start_goes_on_from_what_the_run_says_is_pushed_and_never_from_the_cache():
    task = compiler.documents(load(training__warm_start={"enabled": True}))[0]["root"]["dag"]["tasks"]["Parent"]
    assert task["inputs"]["parameters"]["destination"] == {"componentInputParameter": "destination"}
    assert not task["cachingOptions"].get("enableCache", False)
