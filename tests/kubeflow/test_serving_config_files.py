"""The configuration files of the deployment, read by the server that rehearses it."""

import pytest
from manifests import SERVING, container, flags, get, only

from pipeline.config_serving import Serving
from serving import batching_parameters, model_config
from serving.client import Client

BATCHING = SERVING / "config" / "batching.config"


def test_the_exported_model_is_warmed_up_for_every_allowed_batch_size():
    parameters = batching_parameters.read(BATCHING)
    assert list(parameters.allowed_batch_sizes) == Serving().batch_sizes
    assert parameters.max_batch_size == Serving().batch_sizes[-1]


def test_there_are_as_many_batch_threads_as_requested_cores(build):
    threads = batching_parameters.read(BATCHING).num_batch_threads
    assert container(build("gpu"))["resources"]["requests"]["cpu"] == str(threads)


@pytest.mark.parametrize("name", ["config/models.config", "overlays/canary/models.config"])
def test_models_are_looked_for_under_the_name_that_is_probed(build, name):
    (model,) = model_config.read(SERVING / name).model_config_list.config
    assert model.base_path == f"/models/{model.name}"
    assert container(build("gpu"))["livenessProbe"]["httpGet"]["path"] == f"/v1/models/{model.name}"


def test_the_deployment_can_be_rehearsed(build, rehearse):
    """Newest version, probes and metrics, all through the paths that the manifests name."""
    documents = build("gpu")
    server = rehearse(documents)
    with Client(server.address) as client:
        assert client.recommend("user-1", k=1)[0].score == 104.0  # item-4 of version 2: bias 100 plus 4
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert get(server.rest_address, container(documents)[probe]["httpGet"]["path"])[0] == 200
    annotations = only(documents, "Deployment")["spec"]["template"]["metadata"]["annotations"]
    status, metrics = get(server.rest_address, annotations["prometheus.io/path"])
    assert status == 200
    assert ":tensorflow:serving:request_count" in metrics


def test_a_pod_whose_stable_version_cannot_be_loaded_is_not_started_but_alive(
    build, rehearse, tls_files, versions, tmp_path
):
    documents = build("canary")
    models = tmp_path / "models"
    (models / "1").mkdir(parents=True)
    (models / "1" / "saved_model.pb").write_text("no model")
    (models / "2").symlink_to(versions / "2")
    config = tmp_path / "broken.config"
    canary = (SERVING / "overlays" / "canary" / "models.config").read_text()
    config.write_text(canary.replace('"/models/shelfwise"', f'"{models}"'))
    server = rehearse(documents, until_started=False, model_config_file=config, ssl_config_file=tls_files.ssl_config)
    answers = {
        name: get(server.rest_address, container(documents)[f"{name}Probe"]["httpGet"]["path"])[0]
        for name in ("startup", "readiness", "liveness")
    }
    assert answers == {"startup": 404, "readiness": 200, "liveness": 200}


def test_a_canary_answers_under_its_label_beside_the_stable_version(build, rehearse, tls_files):
    server = rehearse(build("canary"), ssl_config_file=tls_files.ssl_config)
    scores = {}
    for label in ("stable", "canary"):
        with Client(server.address, label=label, tls=tls_files.client) as client:
            scores[label] = client.recommend("user-1", k=1)[0].score
    assert scores == {"stable": 4.0, "canary": 104.0}


def test_the_flags_let_a_server_start_with_labels(build):
    """TensorFlow Serving assigns labels before it loads the first version, and stops if it may not."""
    assert flags(container(build("gpu"))["args"])["allow_version_labels_for_unavailable_models"] == "true"
