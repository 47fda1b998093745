"""Sound and sabotaged candidates in a real server process."""

import os
import pathlib
import re
import shutil
import sys

import candidates
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
from tfx.components.pusher.executor import Executor as Pusher
from tfx.types import standard_artifacts

from components.infra_validation import questions as questions_lib
from components.infra_validation import report as report_lib
from components.infra_validation.component import InfraValidator
from components.infra_validation.report import Report
from components.infra_validation.validation import validate


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> str:
    return candidates.write_examples(tmp_path_factory.mktemp("examples"))


@pytest.fixture
def judge(examples, tmp_path):
    """Validates a model within the usual limits, some of them changed."""

    def run(model: str, **limits) -> Report:
        settings = candidates.settings(**limits)
        catalogue = questions_lib.read_catalogue(examples, settings)
        asked = questions_lib.questions(examples, catalogue, settings)
        return validate(model, asked, catalogue.offered, settings, tmp_path / "server.log")

    return run


@pytest.fixture
def component(examples, tmp_path):
    """Runs the component as the DAG does; gives its report, the files it left, and whether the stock Pusher pushes."""

    def run(model_folder: pathlib.Path, **limits) -> tuple[Report, set[str], bool]:
        inputs = {"model": [standard_artifacts.Model()], "examples": [standard_artifacts.Examples()]}
        inputs["model"][0].uri, inputs["examples"][0].uri = str(model_folder), examples
        blessing = standard_artifacts.InfraBlessing()
        blessing.uri = str(tmp_path / "blessing")
        settings = candidates.settings(**limits).model_dump_json()
        InfraValidator.EXECUTOR_SPEC.executor_class().Do(inputs, {"blessing": [blessing]}, {"settings": settings})
        pushes = Pusher().CheckBlessing({"infra_blessing": [blessing]})
        return report_lib.load(blessing.uri), set(os.listdir(blessing.uri)), pushes

    return run


def test_a_sound_model_is_accepted_with_what_was_measured_and_pushed(component, tmp_path):
    candidates.export(tmp_path / "model" / "Format-Serving")
    report, files, pushes = component(tmp_path / "model")
    assert report.refusals == []
    assert report.latency_ms.keys() == {"recommend", "search", "similar", "rank", "serving_default"}
    assert all(0 < latency < 5000 for latency in report.latency_ms.values())
    assert 100 < report.memory_mib < 2500
    assert 0 < report.load_seconds < 120
    files_mib = sum(path.stat().st_size for path in tmp_path.glob("model/**/*") if path.is_file()) / 2**20
    assert report.model_mib == pytest.approx(files_mib)
    assert files == {"INFRA_BLESSED", "report.json", "server.log"}
    assert pushes
    text = report_lib.describe(report)
    assert re.match(
        r"accepted: \d+ MiB, loaded in [\d.]+ s, at most [\d,]+ MiB of memory, 99th percentile in ms: recom", text
    )


def test_a_refused_model_is_not_pushed(component, tmp_path):
    (tmp_path / "model" / "Format-Serving").mkdir(parents=True)
    report, files, pushes = component(tmp_path / "model", validation_server=["false"])
    assert report.refusals == ["the server ended with status 1 while it loaded; it said last: nothing"]
    assert files == {"INFRA_NOT_BLESSED", "report.json", "server.log"}
    assert not pushes
    assert report_lib.describe(report) == f"refused:\n  {report.refusals[0]}"


def test_a_model_without_its_variables_is_refused_because_it_does_not_load(judge, tmp_path):
    model = candidates.export(tmp_path / "model")
    shutil.rmtree(tmp_path / "model" / "variables")
    (refusal,) = judge(model).refusals
    assert refusal.startswith("the server ended with status 1 while it loaded; it said last: ")
    assert "variables" in refusal


def test_a_model_that_crashes_the_process_is_refused_because_the_server_ended(judge, tmp_path):
    (refusal,) = judge(candidates.export(tmp_path / "model", aborts=True)).refusals
    assert refusal.startswith("the server was killed by SIGABRT when similar was asked; it said last: ")


def test_a_model_that_answers_nan_is_refused_for_its_answer(judge, tmp_path):
    (refusal,) = judge(candidates.export(tmp_path / "model", score=float("nan"))).refusals
    assert refusal == "recommend gave an answer that cannot be shown: its scores hold NaN or infinity"


def test_a_slow_model_is_refused_for_the_signature_that_is_slow(judge, tmp_path):
    model = candidates.export(tmp_path / "model", seconds=4.0)
    refusals = judge(model, max_latency_ms=3500.0, validation_requests=1).refusals
    (refusal,) = (refusal for refusal in refusals if refusal.startswith("similar"))
    assert re.fullmatch(r"similar takes [4-9]\d{3} ms at the 99th percentile; serving.max_latency_ms is 3500", refusal)


def test_a_model_that_answers_too_late_by_far_is_not_waited_for(judge, tmp_path):
    (refusal,) = judge(candidates.export(tmp_path / "model", seconds=3600.0), max_latency_ms=3000.0).refusals
    assert refusal == "similar gave no answer within 30 s"


def test_a_big_model_is_refused_for_its_memory(judge, tmp_path):
    (refusal,) = judge(candidates.export(tmp_path / "model", mib=1500), max_memory_mib=1500).refusals
    assert refusal.startswith("the server took ")
    assert refusal.endswith(" MiB of memory; serving.max_memory_mib is 1,500")


def test_a_model_of_large_files_is_refused_for_their_size(judge, tmp_path):
    model = candidates.export(tmp_path / "model")
    with open(tmp_path / "model" / "variables" / "ballast", "wb") as file:
        file.truncate(3 * 2**20)
    (refusal,) = judge(model, max_model_mib=2).refusals
    assert refusal == "its files have 3 MiB; serving.max_model_mib is 2"


def test_a_server_that_never_answers_is_given_up(judge, tmp_path):
    waiting = [sys.executable, "-c", "import time; print('thinking', flush=True); time.sleep(3600)"]
    (refusal,) = judge("no model", validation_server=waiting, max_load_seconds=2.0).refusals
    assert refusal.startswith("it was not loaded within 2 s (serving.max_load_seconds); it said last: thinking")


@pytest.mark.parametrize("form", ["--batching_parameters_file={}", "--batching_parameters_file {}"])
def test_a_batching_file_too_small_for_the_warmup_is_refused_before_a_server_starts(judge, tmp_path, form):
    model = candidates.export(tmp_path / "model")
    (tmp_path / "model" / "assets.extra").mkdir()
    request = prediction_log_pb2.PredictionLog()
    request.predict_log.request.inputs["k"].CopyFrom(tf.make_tensor_proto([1] * 4))
    with tf.io.TFRecordWriter(f"{model}/assets.extra/tf_serving_warmup_requests") as writer:
        writer.write(request.SerializeToString())
    file = tmp_path / "batching.config"
    file.write_text("max_batch_size { value: 2 }")
    server = ["false", "--enable_batching", *form.format(file).split()]
    (refusal,) = judge(model, validation_server=server).refusals
    assert re.search(rf"record 1 .* has 4 rows, but max_batch_size is 2 in {file}: set it", refusal)
    file.write_text("max_batch_size { value: 4 }")
    (refusal,) = judge(model, validation_server=server).refusals
    assert refusal.startswith("the server ended with status 1 while it loaded")
