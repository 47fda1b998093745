"""Which version is served while the folder changes. The best score of `similar` is the version's bias + 4."""

import shutil
import threading

import grpc
import pytest
import tensorflow as tf
from stock import Stock
from tensorflow.core.protobuf import saved_model_pb2
from toy_model import POLL_SECONDS

SEVERAL_POLLS = 6 * POLL_SECONDS


def _answer(stock, **spec):
    """Version and best score of an answer."""
    response = stock.similar(**spec)
    return response.model_spec.version.value, response.outputs["scores"].float_val[0]


def test_a_new_version_replaces_the_old_one(publish, stock, eventually):
    assert _answer(stock) == (1, 4.0)
    publish(2, bias=10.0)
    eventually(lambda: stock.states() == {2: "AVAILABLE", 1: "END"})
    assert _answer(stock) == (2, 14.0)
    assert list(stock.states()) == [2, 1], "newest first"
    with pytest.raises(grpc.RpcError, match="Servable not found for request: Specific\\(toy, 1\\)"):
        stock.similar(version=1)


def test_the_highest_number_wins_not_the_longest_name(publish, stock, eventually):
    publish(10, bias=10.0)
    eventually(lambda: _answer(stock) == (10, 14.0))
    publish(9, bias=20.0)
    threading.Event().wait(SEVERAL_POLLS)
    assert _answer(stock) == (10, 14.0)


def test_a_version_can_be_asked_for_by_number(stock):
    assert _answer(stock, version=1) == (1, 4.0)


def test_no_request_fails_while_versions_come_and_go_under_load(publish, server, eventually):
    served, failures, stop = set(), [], threading.Event()

    def load():
        stock = Stock(server.address)
        while not stop.is_set():
            try:
                served.add(_answer(stock))
            except grpc.RpcError as error:
                failures.append(error)
        stock.close()

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    publish(2, bias=10.0)
    eventually(lambda: (2, 14.0) in served)
    newest = publish(3, bias=20.0)
    eventually(lambda: (3, 24.0) in served)
    served.clear()
    shutil.rmtree(newest)
    eventually(lambda: (2, 14.0) in served)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert served <= {(3, 24.0), (2, 14.0)}


def test_a_request_in_flight_finishes_on_the_version_it_started_on(running, own_threads, publish, tmp_path, eventually):
    stock = Stock(running(**own_threads).address)
    started, go_on = tmp_path / "started", tmp_path / "go_on"
    request = stock.predict_later("wait", {"started": [str(started)], "go_on": [str(go_on)]})
    eventually(started.exists)
    publish(2, bias=10.0)
    eventually(lambda: stock.states() == {2: "AVAILABLE", 1: "UNLOADING"})
    assert _answer(stock) == (2, 14.0)
    go_on.touch()
    assert request.result().model_spec.version.value == 1
    eventually(lambda: stock.states() == {2: "AVAILABLE", 1: "END"})
    stock.close()


def test_deleting_the_newest_folder_rolls_back(publish, stock, eventually):
    newest = publish(2, bias=10.0)
    eventually(lambda: _answer(stock) == (2, 14.0))
    shutil.rmtree(newest)
    eventually(lambda: stock.states() == {2: "END", 1: "AVAILABLE"})
    assert _answer(stock) == (1, 4.0)


def test_deleting_every_folder_unloads_the_model_and_a_new_one_is_served_again(publish, stock, tmp_path, eventually):
    shutil.rmtree(tmp_path / "toy" / "1")
    eventually(lambda: stock.states() == {1: "END"})
    with pytest.raises(grpc.RpcError, match="Servable not found for request: Latest\\(toy\\)"):
        stock.similar()
    publish(1, bias=30.0)
    eventually(lambda: stock.states() == {1: "AVAILABLE"})
    assert _answer(stock) == (1, 34.0)


def test_an_unreachable_base_path_leaves_the_model_serving(stock, tmp_path, eventually):
    (tmp_path / "toy").rename(tmp_path / "away")
    threading.Event().wait(SEVERAL_POLLS)
    assert _answer(stock) == (1, 4.0)
    (tmp_path / "away").rename(tmp_path / "toy")
    shutil.rmtree(tmp_path / "toy" / "1")
    eventually(lambda: stock.states() == {1: "END"})


def test_a_broken_new_version_leaves_the_old_one_serving(publish, stock, tmp_path, eventually, caplog):
    aside = tmp_path / "toy-2-aside"
    aside.mkdir()
    (aside / "saved_model.pb").write_bytes(b"not a model")
    aside.rename(tmp_path / "toy" / "2")
    eventually(lambda: stock.states() == {2: "END", 1: "AVAILABLE"})
    threading.Event().wait(SEVERAL_POLLS)
    assert _answer(stock) == (1, 4.0)
    (status,) = stock.status(version=2).model_version_status
    assert status.status.error_code != 0
    assert "saved_model.pb" in status.status.error_message
    attempts = [r for r in caplog.records if "version 2 of toy cannot be loaded" in r.getMessage()]
    assert len(attempts) == 1, "tried again only once its files change"
    publish(3, bias=20.0)
    eventually(lambda: _answer(stock) == (3, 24.0))


@pytest.mark.parametrize("late", ["saved_model.pb", "variables/variables.index"])
def test_a_half_written_version_is_served_once_it_is_complete(exported, stock, tmp_path, eventually, late):
    folder = shutil.copytree(exported(bias=10.0), tmp_path / "toy" / "2", ignore=lambda *_: [late.split("/")[-1]])
    eventually(lambda: stock.states().get(2) == "END")
    assert _answer(stock) == (1, 4.0)
    shutil.copy(exported(bias=10.0) / late, folder / late)
    eventually(lambda: stock.states() == {2: "AVAILABLE", 1: "END"})
    assert _answer(stock) == (2, 14.0)


def test_files_and_folders_that_are_no_versions_are_passed_over(publish, stock, tmp_path, exported):
    shutil.copytree(exported(bias=10.0), tmp_path / "toy" / "2.tmp")
    (tmp_path / "toy" / "3").write_text("a file")
    threading.Event().wait(SEVERAL_POLLS)
    assert _answer(stock) == (1, 4.0)
    assert stock.states() == {1: "AVAILABLE"}


def test_an_input_with_a_default_in_the_signature_may_be_missing(publish, stock, eventually, tmp_path):
    model = publish(2, bias=10.0)
    saved = saved_model_pb2.SavedModel.FromString((model / "saved_model.pb").read_bytes())
    similar = saved.meta_graphs[0].signature_def["similar"]
    similar.defaults["k"].CopyFrom(tf.make_tensor_proto(tf.constant([2])))
    (model / "saved_model.pb").write_bytes(saved.SerializeToString())
    model.rename(tmp_path / "toy" / "3")  # version 2 may have been loaded before the change
    eventually(lambda: _answer(stock) == (3, 14.0))
    response = stock.predict("similar", {"item_id": ["item-0"]})
    assert list(response.outputs["item_ids"].string_val) == [b"item-4", b"item-3"]
