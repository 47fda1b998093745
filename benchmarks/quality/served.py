"""Shelfwise's answer: the pushed model, asked through its `recommend` signature in this process and over gRPC.

The requests are built here from the tables alone, apart from the pipeline's own join, so that a leak there would show
as a difference to what the Evaluator measured.
"""

import math
import pathlib
import tempfile
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the tokeniser's ops of the served graph)
from rich.console import Console
from rich.progress import track

from benchmarks.quality.answer import SHELFWISE, Answer, Report
from benchmarks.quality.problem import LIST_LENGTH, Problem, Task
from benchmarks.quality.pushed import Pushed
from benchmarks.quality.results import GrpcCheck
from pipeline.config import Config
from serving.client import Client, Event, Recommendation
from serving.server import Server

_BATCH = 16
_LOAD_SECONDS = 300
_TIMEOUT_SECONDS = 60.0
_ROUNDING = 1e-5  # relative, of scores in single precision


def answer(problem: Problem, config: Config, pushed: Pushed, console: Console) -> Answer:
    """Asks the pushed version for every user of the problem, in every task."""
    recommend = tf.saved_model.load(str(pushed.folder)).signatures["recommend"]
    histories = histories_of(problem, config)
    lists: dict[Task, dict[str, Sequence[str]]] = {}
    seconds = 0.0
    for task in problem.tasks:
        users = problem.queries
        lists[task] = {}
        for start in track(range(0, len(users), _BATCH), f"Shelfwise, {task}", console=console, transient=True):
            batch = users[start : start + _BATCH]
            request = request_of(config, problem, task, batch, histories)
            if not start:
                recommend(**request)  # the first call compiles, and is not timed
            started = time.monotonic()
            rows = recommend(**request)["item_ids"].numpy()
            seconds += time.monotonic() - started
            lists[task] |= {
                user: [item.decode() for item in row if item] for user, row in zip(batch, rows, strict=True)
            }
    report = Report(
        method=SHELFWISE,
        library=f"version {pushed.folder.name}",
        parameters={},
        training_seconds=pushed.training_seconds,
        inference_seconds_a_user=seconds / (len(problem.queries) * len(problem.tasks)),
        peak_memory_mib=None,
    )
    return Answer(report, lists)


def compare_over_grpc(
    problem: Problem, config: Config, pushed: Pushed, expected: Answer, users: int, console: Console
) -> GrpcCheck:
    """Asks the embedded server, with the shop's client, for a sample of users; compares with the in-process lists."""
    drawn = np.random.default_rng(problem.seed).permutation(problem.queries)[:users].tolist()
    histories = histories_of(problem, config)
    name = config.serving.model_name
    equal = tied = 0
    with tempfile.TemporaryDirectory() as base_path:
        # A folder with this version only: the run's own may hold a newer one.
        pathlib.Path(base_path, pushed.folder.name).symlink_to(pushed.folder.resolve())
        server = Server.of_model(name, base_path, port=0).start(_LOAD_SECONDS)
        try:
            with Client(server.address, name, timeout=_TIMEOUT_SECONDS) as client:
                for user in track(drawn, "Shelfwise, over gRPC", console=console, transient=True):
                    received = _ask(client, config, problem, user, histories.get(user))
                    same = [item.item_id for item in received] == list(expected.lists["all"][user])
                    equal += same
                    tied += not same and _differ_by_ties(received, expected.lists["all"][user])
        finally:
            server.stop()
    return GrpcCheck(asked=len(drawn), equal=equal, tied=tied)


def _differ_by_ties(received: list[Recommendation], expected: Sequence[str]) -> bool:
    """Whether each expected item was received too, with the score of the item in its place but for rounding."""
    score = {item.item_id: item.score for item in received}
    return len(received) == len(expected) and all(
        math.isclose(score.get(item_id, math.nan), item.score, rel_tol=_ROUNDING)
        for item_id, item in zip(expected, received, strict=True)
    )


def _ask(
    client: Client, config: Config, problem: Problem, user: str, history: pd.DataFrame | None
) -> list[Recommendation]:
    events, scene, context = [], "", {}
    if history is not None:
        columns = zip(history["item_id"], history["timestamp"], history["event"], strict=True)
        events = [Event(item, int(timestamp), event) for item, timestamp, event in columns]
        last = history.iloc[-1]
        scene = last.get("scene", "")
        context = {name: last[name] for name in config.served_context() if name in last}
    return client.recommend(
        user,
        events,
        scene=scene,
        timestamp=problem.moment,
        context=context,
        exclude=sorted(problem.excluded("all", user)),
        k=LIST_LENGTH,
    )


def histories_of(problem: Problem, config: Config) -> dict[str, pd.DataFrame]:
    """The newest events of each user of the problem, as many as the model reads."""
    asked = problem.past[problem.past["user_id"].isin(problem.relevant)]
    return dict(list(asked.groupby("user_id").tail(config.requests.history_length).groupby("user_id")))


def request_of(
    config: Config, problem: Problem, task: Task, users: list[str], histories: dict[str, pd.DataFrame]
) -> dict[str, tf.Tensor]:
    """The inputs of `recommend` for a batch of users; see schemas/signatures.py."""
    newest = [histories.get(user, problem.past.head(0)) for user in users]
    request = {
        "user_id": np.array(users, object),
        "history_item_ids": _padded([h["item_id"].tolist() for h in newest], ""),
        "history_timestamps": _padded([h["timestamp"].tolist() for h in newest], 0).astype(np.int64),
        "history_events": _padded([h["event"].tolist() for h in newest], ""),
        "scene": _last(newest, "scene", ""),
        "timestamp": np.full(len(users), problem.moment, np.int64),
        "exclude_item_ids": _padded([sorted(problem.excluded(task, user)) for user in users], ""),
        "k": np.full(len(users), LIST_LENGTH, np.int32),
    }
    for name in config.served_context("categorical"):
        request[f"context_{name}"] = _last(newest, name, "")
    for name in config.served_context("numeric"):
        request[f"context_{name}"] = _last(newest, name, np.nan).astype(np.float32)
    return {name: tf.constant(value) for name, value in request.items()}


def _last(histories: list[pd.DataFrame], column: str, missing: str | float) -> np.ndarray:
    return np.array([h[column].iloc[-1] if column in h and len(h) else missing for h in histories], object)


def _padded(rows: list[list], padding: str | int) -> np.ndarray:
    width = max((len(row) for row in rows), default=0)
    return np.array([row + [padding] * (width - len(row)) for row in rows], object).reshape(len(rows), width)
