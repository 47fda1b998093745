"""Labels moved by promote and rollback, tried on a server. A best score is the version's bias + 4."""

import concurrent.futures
import json
import shutil

import grpc
import pytest
from certificates import Authority
from google.protobuf import text_format
from served_models import ALL, configuration, entry
from stock import Stock
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2, model_service_pb2_grpc
from toy_model import POLL_SECONDS

from serving import model_config, promotion, ssl_config_pb2
from serving.client import Tls
from serving.label_edit import with_label
from serving.options import Options
from serving.promotion import PromotionError, UnconfirmedError, promote, rollback
from serving.server import Server
from serving.version_status import State


@pytest.fixture
def config_file(publish, tmp_path):
    """Three versions with the biases 10, 20 and 30; all are served, and none has a label."""
    for version in (1, 2, 3):
        publish(version, bias=10.0 * version)
    file = tmp_path / "models.config"
    file.write_text("# ours\n" + text_format.MessageToString(configuration(entry(tmp_path / "toy", policy=ALL))))
    return file


@pytest.fixture
def server(config_file, eventually):
    """A server of that file, with every version available."""
    options = Options(port=-1, model_config_file=str(config_file), file_system_poll_wait_seconds=POLL_SECONDS)
    with Server(options) as running:
        connected = Stock(running.address)
        eventually(lambda: connected.states() == dict.fromkeys((3, 2, 1), "AVAILABLE"))
        connected.close()
        yield promotion.Server(running.address)


@pytest.fixture
def stock(server):
    """Stubs to the server."""
    connected = Stock(server.address)
    yield connected
    connected.close()


def _best(stock, label: str = "stable") -> tuple[int, float]:
    response = stock.similar(version_label=label)
    return response.model_spec.version.value, response.outputs["scores"].float_val[0]


def _labels(config_file) -> dict[str, int]:
    return dict(model_config.read(config_file).model_config_list.config[0].version_labels)


def _refused(call, *arguments) -> str:
    with pytest.raises(PromotionError) as caught:
        call(*arguments)
    return str(caught.value)


def test_a_promotion_says_what_was_and_what_is_and_takes_effect_at_once(config_file, server, stock):
    assert str(promote(config_file, "toy", 1, "stable", server)) == ("toy: label stable was not assigned, is version 1")
    assert _best(stock) == (1, 14.0)
    assert str(promote(config_file, "toy", 3, "stable", server)) == "toy: label stable was version 1, is version 3"
    assert _best(stock) == (3, 34.0)
    promote(config_file, "toy", 2, "canary", server)
    assert (_best(stock), _best(stock, "canary")) == ((3, 34.0), (2, 24.0))
    assert _labels(config_file) == {"stable": 3, "canary": 2}
    assert config_file.read_text().startswith("# ours\n")
    assert sorted(path.name for path in config_file.parent.glob("*models.config*")) == [
        "models.config",
        "models.config.history",
    ]


def test_rollbacks_go_back_through_the_promotions_of_their_label(config_file, server, stock):
    for version in (1, 2, 3):
        promote(config_file, "toy", version, "stable", server)
        promote(config_file, "toy", 4 - version, "canary", server)
    assert str(rollback(config_file, "toy", "stable", server)) == "toy: label stable was version 3, is version 2"
    assert _best(stock) == (2, 24.0)
    assert str(rollback(config_file, "toy", "stable", server)) == "toy: label stable was version 2, is version 1"
    assert (_best(stock), _best(stock, "canary")) == ((1, 14.0), (1, 14.0))
    assert _refused(rollback, config_file, "toy", "stable", server) == (
        f"{config_file}.history tells no version that label stable of toy (1 now) was promoted from; "
        "promote the one you want"
    )


def test_the_history_tells_when_what_was_moved(config_file, server):
    promote(config_file, "toy", 1, "stable", server)
    promote(config_file, "toy", 2, "stable", server)
    promote(config_file, "toy", 2, "stable", server)
    (line,) = config_file.with_name("models.config.history").read_text().splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("+00:00")
    assert entry == {"action": "promote", "model_name": "toy", "label": "stable", "before": 1, "after": 2}


def test_a_version_that_is_not_available_is_refused(config_file, server, stock, tmp_path, eventually):
    (tmp_path / "toy" / "4").mkdir()
    eventually(lambda: stock.states().get(4) == "END")
    before = config_file.read_text()
    message = _refused(promote, config_file, "toy", 4, "stable", server)
    assert message.startswith(f"version 4 of toy is END on {server.address}, not AVAILABLE: SavedModel file does not")
    message = _refused(promote, config_file, "toy", 9, "stable", server)
    assert message.startswith(f"{server.address} has no version 9 of toy, only 1, 2, 3, 4; push it")
    assert config_file.read_text() == before


def test_a_version_that_was_unloaded_cannot_be_rolled_back_to(config_file, server, stock, tmp_path, eventually):
    promote(config_file, "toy", 1, "stable", server)
    promote(config_file, "toy", 2, "stable", server)
    shutil.rmtree(tmp_path / "toy" / "1")
    eventually(lambda: stock.states()[1] == "END")
    assert _refused(rollback, config_file, "toy", "stable", server).startswith("version 1 of toy is END on")
    assert _best(stock) == (2, 24.0)


def test_a_server_that_refuses_leaves_the_file_as_it_was(config_file, server, tmp_path):
    text = text_format.MessageToString(
        configuration(entry(tmp_path / "toy", policy=ALL, labels={"old": 8}))  # 8 was deleted behind its back
    )
    config_file.write_text(text)
    message = _refused(promote, config_file, "toy", 2, "stable", server)
    assert message.endswith(
        "so the file is as it was: Request to assign label to version 8 of model toy, "
        "which is not currently available for inference"
    )
    assert config_file.read_text() == text


class _Silent(model_service_pb2_grpc.ModelServiceServicer):
    """Has versions 1 to 3 of every model; ends the calls that tell it something with `code` unless that is None."""

    code: grpc.StatusCode | None = None

    def GetModelStatus(self, request, context):
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in (1, 2, 3):
            response.model_version_status.add(version=version, state=State.AVAILABLE)
        return response

    def HandleReloadConfigRequest(self, request, context):
        if self.code is not None:
            context.abort(self.code, "no answer")
        return model_management_pb2.ReloadConfigResponse()


@pytest.fixture
def silent():
    """A servicer that can fall silent, and where to reach it."""
    servicer = _Silent()
    running = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(servicer, running)
    port = running.add_insecure_port("localhost:0")
    running.start()
    yield servicer, promotion.Server(f"localhost:{port}")
    running.stop(None)


_NO_ANSWER = [grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED]


@pytest.mark.parametrize("code", _NO_ANSWER)
def test_a_server_that_does_not_answer_may_yet_take_the_file_so_it_stays(config_file, silent, code):
    servicer, server = silent
    promote(config_file, "toy", 1, "stable", server)
    servicer.code = code
    with pytest.raises(UnconfirmedError) as caught:
        promote(config_file, "toy", 3, "stable", server)
    assert str(caught.value) == (
        f"{server.address} did not say whether it takes {config_file} with label stable of toy at version 3, and "
        "may yet do so, so the file stays like that (no answer); promote version 3 again to be sure, or version 1 "
        "to go back"
    )
    assert _labels(config_file) == {"stable": 3}
    servicer.code = None
    assert promote(config_file, "toy", 3, "stable", server).after == 3
    assert str(rollback(config_file, "toy", "stable", server)) == "toy: label stable was version 3, is version 1"


def test_a_rollback_without_an_answer_is_made_sure_of_by_promoting_where_it_went(config_file, silent):
    servicer, server = silent
    for version in (1, 2, 3):
        promote(config_file, "toy", version, "stable", server)
    servicer.code = grpc.StatusCode.DEADLINE_EXCEEDED
    with pytest.raises(UnconfirmedError, match="promote version 2 again to be sure, or version 3 to go back"):
        rollback(config_file, "toy", "stable", server)
    with pytest.raises(UnconfirmedError, match=r"promote version 2 again to be sure$"):
        promote(config_file, "toy", 2, "stable", server)
    servicer.code = None
    assert str(promote(config_file, "toy", 2, "stable", server)) == "toy: label stable was version 2, is version 2"
    assert str(rollback(config_file, "toy", "stable", server)) == "toy: label stable was version 2, is version 1"


def test_a_version_that_the_file_does_not_ask_for_is_refused(config_file, server, tmp_path):
    policy = "specific { versions: 1 versions: 3 }"
    config_file.write_text(text_format.MessageToString(configuration(entry(tmp_path / "toy", policy=policy))))
    assert _refused(promote, config_file, "toy", 2, "stable", server) == (
        f"{config_file} asks for the versions 1, 3 of toy only; add 2 to model_version_policy.specific first"
    )


def test_wrong_files_models_and_addresses_are_named(config_file, tmp_path):
    nobody = promotion.Server(f"unix:{tmp_path}/nobody", timeout=1.0)
    assert _refused(promote, tmp_path / "no.config", "toy", 1, "stable", nobody) == (
        f"there is no model config file {tmp_path}/no.config"
    )
    assert (
        _refused(promote, config_file, "other", 1, "stable", nobody) == f"{config_file} has no model other; it has toy"
    )
    message = _refused(promote, config_file, "toy", 1, "stable", nobody)
    assert message.startswith(f"unix:{tmp_path}/nobody does not tell the state of toy: ")
    config_file.write_text("model_config_list { nothing }")
    assert "models.config is not a ModelServerConfig" in _refused(promote, config_file, "toy", 1, "stable", nobody)


TWO_MODELS = """# Two shops.
model_config_list {
  config {
    name: "a"  # the first
    base_path: "/a"
    version_labels { key: "stable" value: 5 }
    version_labels { key: "canary", value: 5 }
  }
  config { name: "b", base_path: "/b", version_labels: { key: "stable" value: 5 } }
}
"""


@pytest.mark.parametrize(
    ("model", "label", "old", "new"),
    [
        ("a", "stable", '{ key: "stable" value: 5 }\n', '{ key: "stable" value: 7 }\n'),
        ("a", "canary", '"canary", value: 5', '"canary", value: 7'),
        ("b", "stable", 'version_labels: { key: "stable" value: 5', 'version_labels: { key: "stable" value: 7'),
        ("a", "new", 'name: "a"', 'version_labels { key: "new" value: 7 }\n    name: "a"'),
        ("b", "new", 'name: "b"', 'version_labels { key: "new" value: 7 } name: "b"'),
    ],
)
def test_only_the_place_of_the_label_changes_in_the_text(model, label, old, new):
    assert with_label(TWO_MODELS, model, label, 7) == TWO_MODELS.replace(old, new, 1)


def test_a_text_that_cannot_be_edited_in_place_is_written_anew():
    text = "model_config_list { config { version_labels { value: 5 key: 'stable' } name: 'a' } }"
    written = text_format.Parse(with_label(text, "a", "stable", 7), model_config.ModelServerConfig())
    (model,) = written.model_config_list.config
    assert (model.name, dict(model.version_labels)) == ("a", {"stable": 7})


def test_a_server_with_mutual_tls_is_told(config_file, tmp_path, eventually):
    authority = Authority(tmp_path, "shop")
    ours, theirs = authority.issue("server"), authority.issue("client")
    ssl = ssl_config_pb2.SSLConfig(
        server_key=ours.key.read_text(),
        server_cert=ours.certificate.read_text(),
        custom_ca=authority.certificate.read_text(),
        client_verify=True,
    )
    (tmp_path / "ssl.config").write_text(text_format.MessageToString(ssl))
    options = Options(port=-1, model_config_file=str(config_file), ssl_config_file=str(tmp_path / "ssl.config"))
    with Server(options) as server:
        tls = Tls(authority.certificate, theirs.certificate, theirs.key)
        move = promote(config_file, "toy", 3, "stable", promotion.Server(server.address, tls))
        assert (move.before, move.after) == (None, 3)
        without = promotion.Server(server.address, timeout=2.0)
        assert "does not tell the state of toy" in _refused(promote, config_file, "toy", 3, "stable", without)
