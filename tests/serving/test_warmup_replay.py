"""Which warm-up requests are replayed, and what a model that refuses one of them is answered."""

import shutil

import example_model
import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import input_pb2
from warmup_records import PredictionLog, predict_similar, write_warmup

from serving import warmup
from serving.servable import Servable
from serving.status import StatusError, UnfitVersionError


class Counting(Servable):
    """A servable that remembers which signatures were run."""

    def __init__(self, path):
        self.asked = []
        super().__init__(path)

    def run(self, signature_name, inputs, *rest):
        self.asked.append(signature_name)
        return super().run(signature_name, inputs, *rest)


@pytest.fixture
def toy(exported, tmp_path):
    """A folder with a toy model of its own, and the model loaded."""
    folder = shutil.copytree(exported(), tmp_path / "1")
    servable = Counting(folder)
    yield folder, servable
    servable.close()


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """As `toy`, with signatures over Examples."""
    folder = example_model.export(tmp_path_factory.mktemp("examples") / "1")
    servable = Counting(folder)
    yield folder, servable
    servable.close()


def _refused(folder, servable) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(StatusError) as caught:
        warmup.replay(servable, folder)
    return caught.value.code, str(caught.value)


def _examples() -> input_pb2.Input:
    return example_model.examples(example_model.example(x=2.0))


def test_without_the_file_there_is_nothing_to_replay(toy):
    folder, servable = toy
    assert warmup.replay(servable, folder) == 0
    assert servable.asked == []


def test_every_request_is_run_as_often_as_asked(toy):
    folder, servable = toy
    write_warmup(folder, [predict_similar(), predict_similar("item-1")])
    assert warmup.replay(servable, folder, iterations=3) == 2
    assert servable.asked == ["similar"] * 6


def test_classify_regress_and_multi_inference_requests_are_run(examples):
    folder, servable = examples
    classify, regress, both = PredictionLog(), PredictionLog(), PredictionLog()
    classify.classify_log.request.model_spec.signature_name = "signs"
    classify.classify_log.request.input.CopyFrom(_examples())
    regress.regress_log.request.model_spec.signature_name = "halves"
    regress.regress_log.request.input.CopyFrom(_examples())
    task = both.multi_inference_log.request.tasks.add(method_name="tensorflow/serving/regress")
    task.model_spec.name = "toy"
    task.model_spec.signature_name = "nowhere"
    both.multi_inference_log.request.input.CopyFrom(_examples())
    write_warmup(folder, [classify, regress, both])
    code, message = _refused(folder, servable)
    assert servable.asked == ["signs", "halves"]
    assert message.startswith(f"warmup record 3 from {folder}/assets.extra/tf_serving_warmup_requests failed: ")
    assert "nowhere" in message
    assert code != grpc.StatusCode.OK


def test_a_thousand_requests_are_run_and_one_more_is_refused(toy):
    folder, servable = toy
    nothing = [PredictionLog()] * 1000  # a log without a request is passed over
    file = write_warmup(folder, nothing)
    assert warmup.replay(servable, folder) == 1000
    write_warmup(folder, [*nothing, PredictionLog()])
    assert _refused(folder, servable) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        f"Number of warmup records exceeds the maximum (1000) at {file}",
    )


def test_a_request_that_the_signature_refuses_fails_with_its_code_and_text(toy):
    folder, servable = toy
    wrong = predict_similar()
    del wrong.predict_log.request.inputs["k"]
    file = write_warmup(folder, [predict_similar(), wrong])
    code, message = _refused(folder, servable)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith(f"warmup record 2 from {file} failed: input size does not match signature: 1!=2")


def test_a_request_that_the_graph_refuses_fails_with_its_code(toy):
    folder, servable = toy
    wrong = predict_similar()
    wrong.predict_log.request.inputs["item_id"].tensor_shape.dim[0].size = 2  # one value, twice
    wrong.predict_log.request.inputs["k"].int_val[0] = -1
    write_warmup(folder, [wrong])
    code, message = _refused(folder, servable)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "warmup record 1" in message


def test_a_session_run_log_is_unimplemented(toy):
    folder, servable = toy
    log = PredictionLog()
    log.session_run_log.SetInParent()
    write_warmup(folder, [log])
    code, message = _refused(folder, servable)
    assert code == grpc.StatusCode.UNIMPLEMENTED
    assert message.endswith("Unsupported log_type for warmup: 5")


def test_a_record_that_is_no_prediction_log_is_refused(toy):
    folder, servable = toy
    file = write_warmup(folder, [predict_similar(), b"\xff\xff"])
    expected = (grpc.StatusCode.INVALID_ARGUMENT, f"Failed to parse warmup record 2 from {file}")
    assert _refused(folder, servable) == expected


@pytest.mark.parametrize("spoil", [lambda good: b"these are no records", lambda good: good[:-3]])
def test_a_file_that_is_no_tfrecord_file_or_only_a_part_is_data_loss(toy, spoil):
    folder, servable = toy
    file = write_warmup(folder, [predict_similar()])
    file.write_bytes(spoil(file.read_bytes()))
    code, message = _refused(folder, servable)
    assert code == grpc.StatusCode.DATA_LOSS
    assert message.endswith("Please verify your warmup data is in TFRecord format.")


def _of_rows(rows: int) -> PredictionLog:
    log = predict_similar()
    for name, values in {"item_id": ["item-0"] * rows, "k": [1] * rows}.items():
        log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return log


def test_requests_of_more_rows_than_a_batch_are_found_before_the_model_is_loaded(tmp_path):
    regress = PredictionLog()
    regress.regress_log.request.input.example_list.examples.add()
    file = write_warmup(tmp_path, [_of_rows(2), _of_rows(8), regress, _of_rows(4)])
    warmup.check_rows(tmp_path, 8, "batching.config")
    with pytest.raises(UnfitVersionError) as caught:
        warmup.check_rows(tmp_path, 7, "batching.config")
    assert caught.value.code == grpc.StatusCode.INVALID_ARGUMENT
    assert str(caught.value).startswith(
        f"warmup record 2 from {file} has 8 rows, but max_batch_size is 7 in batching.config: set it, and the last of "
        "allowed_batch_sizes, to 8 or more; or "
    )


def test_examples_of_warmup_requests_count_as_rows(tmp_path):
    classify = PredictionLog()
    for _ in range(3):
        classify.classify_log.request.input.example_list_with_context.examples.add()
    write_warmup(tmp_path, [classify])
    warmup.check_rows(tmp_path, 3, "batching.config")
    with pytest.raises(UnfitVersionError, match="has 3 rows, but max_batch_size is 2"):
        warmup.check_rows(tmp_path, 2, "batching.config")


def test_without_the_file_no_batch_is_too_small(tmp_path):
    warmup.check_rows(tmp_path, 1, "batching.config")
