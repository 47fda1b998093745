"""`shelfwise serve`, `promote` and `rollback`: what a server is told, and labels that move on a running one."""

import contextlib
import time
from collections.abc import Iterator

import pytest
import tensorflow as tf

from pipeline import cli, labels, serve
from pipeline.config import Config, ConfigError
from pipeline.run_record import NoRun
from serving import model_config
from serving.client import Client
from serving.promotion import PromotionError, UnconfirmedError
from serving.server import Server


@pytest.fixture
def config(tmp_path) -> Config:
    """A shop whose version folders `push` fills."""
    return Config.model_validate(
        {
            "name": "shop",
            "data": {"root": "unused"},
            "schema_dir": "unused",
            "requests": {"positive_events": ["purchase"]},
            "model": {"heads": [{"name": "purchase", "events": ["purchase"]}]},
            "runs_dir": str(tmp_path / "runs"),
        }
    )


@pytest.fixture
def push(config, tmp_path):
    """Pushes a version that can be loaded."""

    def put(version: int) -> None:
        module = tf.Module()
        module.answer = tf.function(lambda x: {"y": x}).get_concrete_function(tf.TensorSpec([None], tf.int64, "x"))
        tf.saved_model.save(module, str(tmp_path / "aside"), signatures={"answer": module.answer})
        config.serving_dir.mkdir(parents=True, exist_ok=True)
        (tmp_path / "aside").rename(config.serving_dir / str(version))

    return put


@contextlib.contextmanager
def serving(config: Config, *flags: str) -> Iterator[tuple[Client, labels.Server]]:
    """A server as `shelfwise serve CONFIG -- FLAGS` starts it."""
    options = serve.options(config, 0, "localhost", ["--file_system_poll_wait_seconds=0.05", *flags])
    with Server(options) as server, Client(server.address) as client:
        yield client, labels.Server(server.address)


def test_serve_tells_the_server_what_the_configuration_says_and_the_flags_behind_it(config):
    config.serving_dir.mkdir(parents=True)
    options = serve.options(config, 8600, "0.0.0.0", ["--rest_api_port=8501", "--enable_batching", "--port=8700"])
    assert (options.model_name, options.model_base_path) == ("shelfwise", str(config.serving_dir))
    assert (options.host, options.port) == ("0.0.0.0", 8700)  # the flag comes last
    assert (options.rest_api_port, options.enable_batching, options.model_config_file) == (8501, True, "")


def test_a_wrong_flag_is_named_before_anything_starts(config, capsys):
    config.serving_dir.mkdir(parents=True)
    with pytest.raises(SystemExit) as end:
        serve.options(config, 8500, "localhost", ["--rest_api_prot=8501"])
    assert end.value.code == 2
    assert "unknown flag --rest_api_prot; did you mean --rest_api_port?" in capsys.readouterr().err


def test_what_cannot_be_served_is_explained(config):
    with pytest.raises(NoRun, match="`shelfwise run` comes first"):
        serve.options(config, 8500, "localhost", [])
    remote = config.model_copy(update={"serving": config.serving.model_copy(update={"destination": "gs://shop/a"})})
    with pytest.raises(
        ConfigError, match=r"serving\.destination is gs://shop/a, and the embedded server reads folders"
    ):
        serve.options(remote, 8500, "localhost", [])


def test_a_version_that_is_not_available_gets_no_label_and_leaves_no_file(config, push):
    push(1)
    with serving(config) as (_, server):
        with pytest.raises(PromotionError, match="9"):
            labels.promote(config, 9, "stable", server, None)
        assert not serve.model_config_file(config).exists()
        with pytest.raises(PromotionError, match="no label of shop was ever set"):
            labels.rollback(config, "stable", server, None)


def test_the_first_promotion_keeps_its_file_if_the_server_may_have_taken_it(config, monkeypatch):
    def unconfirmed(*_):
        raise UnconfirmedError

    monkeypatch.setattr("serving.promotion.promote", unconfirmed)
    with pytest.raises(UnconfirmedError):
        labels.promote(config, 1, "stable", labels.Server(), None)
    assert serve.model_config_file(config).exists()


def test_labels_move_on_a_running_server_and_are_there_after_a_restart(config, push):
    push(1)
    with serving(config) as (client, server):
        assert str(labels.promote(config, 1, "stable", server, None)) == (
            "shelfwise: label stable was not assigned, is version 1"
        )
        push(2)
        # The file asks for the two newest versions, so the promoted one stays beside the new one.
        _wait_for(client, {1, 2})
        assert labels.promote(config, 2, "stable", server, None).before == 1
        assert labels.rollback(config, "stable", server, None).after == 1
    told = serve.options(config, 0, "localhost", [])
    assert told.model_config_file == str(serve.model_config_file(config))
    with serving(config) as (client, server):
        _wait_for(client, {1, 2})
        assert labels.promote(config, 2, "stable", server, None).before == 1


def test_a_deployments_own_file_is_moved_instead(config, push, tmp_path):
    push(1)
    own = tmp_path / "models.config"
    own.write_text(str(model_config.single("shelfwise", config.serving_dir)))
    with serving(config, f"--model_config_file={own}") as (_, server):
        labels.promote(config, 1, "canary", server, own)
    assert dict(model_config.read(own).model_config_list.config[0].version_labels) == {"canary": 1}
    assert not serve.model_config_file(config).exists()


def test_the_command_prints_the_move_and_a_refusal_is_an_error(config, push, tmp_path, capsys):
    push(1)
    path = tmp_path / "shop.yaml"
    path.write_text(
        f"name: shop\ndata: {{root: unused}}\nschema_dir: {tmp_path}\nruns_dir: {tmp_path / 'runs'}\n"
        "requests: {positive_events: [purchase]}\nmodel: {heads: [{name: purchase, events: [purchase]}]}\n"
    )
    for table in ("events", "items", "users"):
        (tmp_path / f"{table}.pbtxt").touch()
    with serving(config) as (_, server):
        with pytest.raises(SystemExit) as end:
            cli.main(["promote", str(path), "1", "--label", "canary", "--address", server.address])
        assert end.value.code == 0
        with pytest.raises(SystemExit) as end:
            cli.main(["promote", str(path), "5", "--address", server.address])
        assert end.value.code == 1
    captured = capsys.readouterr()
    assert captured.out == "shelfwise: label canary was not assigned, is version 1\n"
    assert captured.err.startswith("error: ")


def _wait_for(client: Client, versions: set[int]) -> None:
    while {status.version for status in client.status() if status.state == "AVAILABLE"} != versions:
        time.sleep(0.02)
