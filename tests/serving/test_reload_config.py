"""HandleReloadConfigRequest and the polled config file, tried on a server with the stock stubs."""

import shutil
import threading

import grpc
import pytest
from google.protobuf import text_format
from served_models import ALL, configuration, entry
from stock import TIMEOUT_SECONDS, Stock
from tensorflow_serving.apis import model_management_pb2
from toy_model import POLL_SECONDS

from serving.model_config import ModelServerConfig
from serving.options import Options
from serving.server import Server


@pytest.fixture
def toy(publish, tmp_path):
    """The folder of a model with version 1, whose bias is 10."""
    publish(1, bias=10.0)
    return tmp_path / "toy"


@pytest.fixture
def other(exported, tmp_path):
    """The folder of another model, with version 5 of bias 50."""
    shutil.copytree(exported(bias=50.0), tmp_path / "other" / "5")
    return tmp_path / "other"


@pytest.fixture
def config_file(toy, tmp_path):
    """What the server is started with: one model."""
    file = tmp_path / "models.config"
    file.write_text(text_format.MessageToString(configuration(entry(toy))))
    return file


@pytest.fixture
def stock(config_file):
    """Stubs to a server that looks at its config file only at the start."""
    yield from _stock(config_file, 0)


@pytest.fixture
def polling_stock(config_file):
    """Stubs to a server that follows its config file."""
    yield from _stock(config_file, POLL_SECONDS)


def _stock(config_file, config_poll_seconds):
    options = Options(
        port=-1,
        model_config_file=str(config_file),
        model_config_file_poll_wait_seconds=config_poll_seconds,
        file_system_poll_wait_seconds=POLL_SECONDS,
    )
    with Server(options) as server:
        connected = Stock(server.address)
        yield connected
        connected.close()


def _reload(stock, config: ModelServerConfig) -> model_management_pb2.ReloadConfigResponse:
    request = model_management_pb2.ReloadConfigRequest(config=config)
    return stock.model.HandleReloadConfigRequest(request, timeout=TIMEOUT_SECONDS)


def _best(stock, **spec) -> tuple[int, float]:
    response = stock.similar(**spec)
    return response.model_spec.version.value, response.outputs["scores"].float_val[0]


def _states(stock, name) -> dict[int, str] | None:
    try:
        return stock.states(name=name)
    except grpc.RpcError:
        return None


def test_a_reload_adds_a_model_and_a_label(stock, toy, other):
    response = _reload(stock, configuration(entry(toy, labels={"stable": 1}), entry(other, "other")))
    assert (response.status.error_code, response.status.error_message) == (0, "")
    assert _best(stock, name="other") == (5, 54.0)
    assert _best(stock, version_label="stable") == (1, 14.0)


@pytest.mark.parametrize("choose_custom", [True, False])
def test_a_reload_of_anything_but_a_list_of_models_is_refused(stock, choose_custom):
    config = ModelServerConfig()
    if choose_custom:
        config.custom_model_config.SetInParent()
    with pytest.raises(grpc.RpcError) as caught:
        _reload(stock, config)
    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "ServerModelConfig type not supported by HandleReloadConfigRequest. "
        "Only ModelConfigList is currently supported",
    )


def test_a_refused_reload_carries_code_and_text_and_changes_nothing(stock, toy):
    with pytest.raises(grpc.RpcError) as caught:
        _reload(stock, configuration(entry(toy), entry(toy)))
    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Illegal to list model toy multiple times in config list",
    )
    assert _best(stock) == (1, 14.0)


def test_the_config_file_has_the_last_word(polling_stock, config_file, toy, other, publish, eventually):
    publish(2, bias=20.0)
    both = configuration(entry(toy, policy=ALL), entry(other, "other"))
    config_file.write_text(text_format.MessageToString(both))
    eventually(lambda: _states(polling_stock, "other") == {5: "AVAILABLE"})
    eventually(lambda: polling_stock.states() == {2: "AVAILABLE", 1: "AVAILABLE"})
    _reload(polling_stock, configuration(entry(toy), entry(other, "third")))
    eventually(lambda: _states(polling_stock, "third") == {5: "END"})
    eventually(lambda: polling_stock.states() == {2: "AVAILABLE", 1: "AVAILABLE"})


def test_a_config_file_that_is_refused_is_told_once_and_changes_nothing(
    polling_stock, config_file, toy, other, eventually, caplog
):
    def told(text):
        return [record for record in caplog.records if text in record.getMessage()]

    for content, text in [
        ("model_config_list { confi", "models.config is not a ModelServerConfig"),
        (text_format.MessageToString(configuration(entry(toy), entry(toy))), "Illegal to list model toy multiple"),
    ]:
        aside = config_file.with_suffix(".new")
        aside.write_text(content)
        aside.rename(config_file)
        eventually(lambda text=text: told(text))
        threading.Event().wait(6 * POLL_SECONDS)
        assert len(told(text)) == 1
        assert _best(polling_stock) == (1, 14.0)
    config_file.unlink()
    eventually(lambda: told("No such file"))
    config_file.write_text(text_format.MessageToString(configuration(entry(toy), entry(other, "other"))))
    eventually(lambda: _states(polling_stock, "other") == {5: "AVAILABLE"})
