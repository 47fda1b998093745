"""TensorBoard, as its own process, on a training and a search of the tiny shop."""

import contextlib
import http.client
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import ml_metadata as mlmd
import numpy as np
import pytest
import tensorflow as tf
import tiny_shop
from ml_metadata.proto import metadata_store_pb2 as mlmd_pb2
from test_model_tuning import losses_of

from pipeline import config
from pipeline.run_record import NoRun
from pipeline.tensorboard_runs import gather

ROOT = pathlib.Path(__file__).parents[2]


def record(runs_dir: pathlib.Path, **artifacts: list[pathlib.Path]) -> config.Config:
    """Metadata in which these folders are artefacts of these types, oldest first."""
    loaded = config.load("movielens", {"runs_dir": str(runs_dir)})
    loaded.run_dir.mkdir(parents=True)
    connection = mlmd_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(loaded.run_dir / "metadata.sqlite")
    connection.sqlite.connection_mode = mlmd_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = mlmd.MetadataStore(connection)
    for name, folders in artifacts.items():
        type_id = store.put_artifact_type(mlmd_pb2.ArtifactType(name=name))
        for folder in folders:
            store.put_artifacts([mlmd_pb2.Artifact(type_id=type_id, uri=str(folder))])
    return loaded


class TensorBoard:
    """Answers of a running TensorBoard."""

    def __init__(self, address: str):
        self._address = address

    def get(self, path: str, body: dict | None = None, **query: object) -> bytes:
        url = f"{self._address}data/{path}?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(url, json.dumps(body).encode() if body is not None else None)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def wait_for(self, path: str, wanted, body: dict | None = None, **query: object) -> object:
        """The JSON of an answer, once it is what is wanted: events are read bit by bit."""
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(urllib.error.HTTPError, http.client.HTTPException):
                found = json.loads(self.get(path, body, **query))
                if wanted(found):
                    return found
            assert time.monotonic() < deadline, f"{path} never came to it"
            time.sleep(0.5)


@pytest.fixture(scope="module")
def tensorboard(saved_model, search, tmp_path_factory):
    """`shelfwise tensorboard` on both."""
    training = pathlib.Path(saved_model).parent / "run"
    loaded = record(tmp_path_factory.mktemp("runs"), ModelRun=[training], TunerResults=[search.results_dir])
    code = "import sys; from pipeline import cli; cli.main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "tensorboard", "movielens", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--set", f"runs_dir={loaded.runs_dir}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("TensorBoard is at http://localhost:"), line
        yield TensorBoard(line.split()[3].rstrip(";"))
    finally:
        process.kill()
        process.wait()


def test_losses_and_learning_rates_are_there_by_epoch(tensorboard):
    validation, training = "training-run/validation", "training-run/train"
    tags = tensorboard.wait_for(
        "plugin/timeseries/tags", lambda found: {validation, training} <= found["scalars"]["runTagInfo"].keys()
    )["scalars"]["runTagInfo"]
    assert {"epoch_ranking_loss", "epoch_retrieval_loss"} <= set(tags[validation])
    assert {"epoch_ranking_loss", "epoch_learning_rate"} <= set(tags[training])
    points = json.loads(tensorboard.get("plugin/scalars/scalars", run=training, tag="epoch_learning_rate"))
    assert [step for _, step, _ in points] == [0, 1]
    # Two epochs of three steps from 0.01, by a cosine; the rate of the last step of each.
    expected = [0.01 * (1 + np.cos(np.pi * step / 6)) / 2 for step in (2, 5)]
    assert [rate for *_, rate in points] == pytest.approx(expected, rel=1e-4)


def test_the_projector_shows_items_with_their_texts_and_categories(tensorboard, served):
    run = "training-run/train"
    assert run in tensorboard.wait_for("plugin/projector/runs", lambda runs: run in runs)
    info = json.loads(tensorboard.get("plugin/projector/info", run=run))
    assert [embedding["tensorShape"] for embedding in info["embeddings"]] == [[30, 8]]
    vectors = np.frombuffer(tensorboard.get("plugin/projector/tensor", run=run, name="items"), np.float32)
    vectors = vectors.reshape(30, 8)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-3)
    header, *rows = tensorboard.get("plugin/projector/metadata", run=run, name="items").decode().splitlines()
    assert header.split("\t") == ["id", "text", "brand"]
    rows = [row.split("\t") for row in rows]
    popular = [tiny_shop.UNAVAILABLE, *range(tiny_shop.UNAVAILABLE)]  # item n was taken 30 - n times, the last one 1000
    assert [row[0] for row in rows] == [tiny_shop.item_id(item) for item in popular]
    assert [row[1:] for row in rows] == [[tiny_shop.title(item), f"brand-{item % 5}"] for item in popular]
    # Likes stand together: what the served model says goes with the most popular item is nearest to it.
    similar = served["similar"](item_id=tf.constant([rows[0][0]]), k=tf.constant([3]))["item_ids"].numpy()[0]
    nearest = np.argsort(-(vectors @ vectors[0]))[1:4]
    assert {rows[place][0] for place in nearest} & {item.decode() for item in similar}


def test_the_trials_of_a_search_are_there_with_their_values_and_what_they_came_to(tensorboard, search):
    experiment = tensorboard.wait_for(
        "plugin/hparams/experiment", lambda found: "hparamInfos" in found, body={"experimentName": ""}
    )
    assert {info["name"] for info in experiment["hparamInfos"]} == {"training.learning_rate", "model.embedding_dim"}
    statuses = [f"STATUS_{name}" for name in ("SUCCESS", "UNKNOWN", "RUNNING", "FAILURE")]
    found = tensorboard.wait_for(
        "plugin/hparams/session_groups",
        lambda found: [bool(group.get("metricValues")) for group in found["sessionGroups"]] == [True] * 3,
        body={"experimentName": "", "allowedStatuses": statuses, "colParams": [], "startIndex": 0, "sliceSize": 10},
    )["sessionGroups"]
    losses = {}
    for group in found:
        values = tuple(sorted(group["hparams"].items()))
        (metric,) = (m for m in group["metricValues"] if m["name"]["tag"] == "epoch_ranking_loss")
        losses[values] = metric["value"]
    assert len(losses) == len(search.trials) == 3
    for trial in search.trials:
        values = {key: trial[key] for key in ("model.embedding_dim", "training.learning_rate")}
        assert losses[tuple(sorted(values.items()))] == pytest.approx(losses_of(search, trial)[-1], rel=1e-5)


def test_the_newest_trainings_are_gathered_and_what_logged_nothing_is_not(tmp_path):
    folders = [tmp_path / "ModelRun" / str(number) for number in range(8)]
    for folder in folders[:-1]:
        (folder / "train").mkdir(parents=True)
        (folder / "train" / "events.out.tfevents.1").touch()
    folders[-1].mkdir()
    loaded = record(tmp_path / "runs", ModelRun=folders)
    (loaded.run_dir / "tensorboard").mkdir()
    (loaded.run_dir / "tensorboard" / "training-0").symlink_to(folders[0])
    gathered = gather(loaded)
    assert {link.name: link.resolve() for link in gathered.iterdir()} == {
        f"training-{number}": folders[number] for number in (2, 3, 4, 5, 6)
    }


def test_a_shop_that_trained_nothing_is_told_what_to_run(tmp_path):
    (tmp_path / "3").mkdir()
    loaded = record(tmp_path / "runs", ModelRun=[tmp_path / "3"])
    with pytest.raises(NoRun, match="has trained nothing yet; `shelfwise run`"):
        gather(loaded)
