"""A loaded version, asked in the process."""

import concurrent.futures

import grpc
import numpy as np
import pytest

from serving.batching import BatchScheduler
from serving.batching_parameters import BatchingParameters
from serving.metrics import Metrics
from serving.servable import Servable
from serving.status import StatusError


@pytest.fixture(scope="module")
def servable(exported):
    loaded = Servable(exported())
    yield loaded
    loaded.close()


@pytest.fixture
def batched(exported):
    """A servable whose requests run only once six rows have come together."""
    scheduler = BatchScheduler(
        BatchingParameters(
            max_batch_size=6,
            batch_timeout_micros=60_000_000,
            num_batch_threads=1,
            allowed_batch_sizes=(6,),
            pad_variable_length_inputs=True,
        )
    )
    loaded = Servable(exported(), scheduler)
    yield loaded
    scheduler.close()
    loaded.close()


def _similar(item: bytes, rows: int = 1, k: int = 2) -> dict[str, np.ndarray]:
    return {"item_id": np.full(rows, item, object), "k": np.full(rows, k, np.int32)}


def test_a_signature_runs_on_arrays(servable):
    answer = servable.run("similar", _similar(b"item-4"))
    assert answer["item_ids"].tolist() == [[b"item-3", b"item-2"]]
    assert answer["scores"].tolist() == [[3.0, 2.0]]


def test_only_the_outputs_that_are_asked_for_come_back(servable):
    assert set(servable.run("similar", _similar(b"item-4"), ["scores"])) == {"scores"}


def test_strings_may_be_numpy_s_own(servable):
    answer = servable.run("similar", {"item_id": np.array(["item-4"]), "k": np.array([1], np.int32)})
    assert answer["item_ids"].tolist() == [[b"item-3"]]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            {"item_id": np.array([b"x"], object), "k": np.array([1])},
            "Expects arg[1] to be int32 but int64 is provided (input 'k')",
        ),
        (
            {"item_id": np.array([[b"x"]], object), "k": np.array([1], np.int32)},
            "Cannot feed value of shape (1, 1) for Tensor similar_item_id:0, which has shape (None,)",
        ),
        (
            {"item_id": np.array([b"x"], object), "k": np.array([1j])},
            "input 'k': no tensor holds values of dtype complex128",
        ),
    ],
)
def test_arrays_that_do_not_fit_the_signature_are_refused(servable, inputs, message):
    with pytest.raises(StatusError) as caught:
        servable.run("similar", inputs)
    assert (caught.value.code, str(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, message)


def test_tensors_run_by_their_own_names(servable):
    signature = servable.signatures["similar"]
    feeds = {signature.inputs[alias].name: array for alias, array in _similar(b"item-4", k=1).items()}
    scores = signature.outputs["scores"].name
    assert servable.run_tensors(feeds, [scores])[scores].tolist() == [[3.0]]


def test_requests_in_one_batch_get_the_answers_that_they_get_alone(servable, batched):
    asked = [_similar(b"item-4"), _similar(b"item-0", rows=2), _similar(b"item-2", k=4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        filler = [pool.submit(batched.run, "similar", inputs) for inputs in [*asked, _similar(b"item-1", rows=2)]]
        answers = [future.result(60) for future in filler[:3]]
    for inputs, answer in zip(asked, answers, strict=True):
        alone = servable.run("similar", inputs)
        width = alone["scores"].shape[1]
        assert answer["item_ids"][:, :width].tolist() == alone["item_ids"].tolist()
        assert answer["scores"][:, :width].tolist() == alone["scores"].tolist()
        assert not any(item for row in answer["item_ids"] for item in row[width:])


def test_loading_is_counted_whether_or_not_it_succeeds(exported, tmp_path):
    counted = Metrics()
    Servable(exported(), metrics=counted).close()
    with pytest.raises(OSError, match="SavedModel file does not exist"):
        Servable(tmp_path, metrics=counted)
    rendered = counted.render().decode()
    attempts = ":tensorflow:cc:saved_model:load_attempt_count"
    assert f'{attempts}{{model_path="{exported()}",status="success"}} 1.0' in rendered
    assert f'{attempts}{{model_path="{tmp_path}",status="fail"}} 1.0' in rendered


def test_a_request_of_more_rows_than_the_limit_is_refused_with_the_flag(exported):
    servable = Servable(exported(), max_rows=2)
    item_id = np.array([b"item-0"] * 3, object)
    with pytest.raises(StatusError, match=r"has 3 rows, more than the 2 .* --max_request_rows") as refused:
        servable.run("similar", {"item_id": item_id, "k": np.ones(3, np.int32)})
    assert refused.value.code == grpc.StatusCode.INVALID_ARGUMENT
    answer = servable.run("similar", {"item_id": item_id[:2], "k": np.ones(2, np.int32)})
    assert answer["item_ids"].tolist() == [[b"item-4"], [b"item-4"]]
    servable.close()
