"""A search for better values over the tiny shop, and the training that uses them, by the components' own executors."""

import json
import logging
import pathlib

import tiny_pipeline
from absl import logging as absl_logging
from tfx.components.trainer.executor import GenericExecutor
from tfx.proto import trainer_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components.tuner.executor import Executor
from pipeline.config_tuning import Tuning

CONFIGURED, BAD, GOOD = 1e-7, 1e-6, 0.02
SPACE = {"training.learning_rate": [BAD, GOOD], "model.embedding_dim": [8, 4]}


class _Messages(logging.Handler):
    """What is logged while its context is entered."""

    def __init__(self):
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    def __enter__(self) -> "_Messages":
        absl_logging.set_verbosity(absl_logging.INFO)
        logging.getLogger("absl").addHandler(self)
        return self

    def __exit__(self, *_) -> None:
        logging.getLogger("absl").removeHandler(self)


class Search:
    """A search over the tiny shop, as the DAG runs it; `examples_dir` may hold other examples than the shop's."""

    def __init__(
        self,
        shop: tiny_pipeline.Transformed,
        folder: pathlib.Path,
        examples_dir: pathlib.Path | None = None,
        training: dict | None = None,
        **tuning,
    ):
        training = {"epochs": 1, "learning_rate": CONFIGURED, "schedule": "constant"} | (training or {})
        self.settings = tiny_pipeline.change(shop.settings, training=training)
        tuning = Tuning(space=SPACE, epochs=2, **tuning)
        custom_config = {"settings": self.settings.model_dump_json(), "tuning": tuning.model_dump_json()}
        custom_config["checkpoints"] = str(folder / "checkpoints")
        examples, graph = standard_artifacts.Examples(), standard_artifacts.TransformGraph()
        examples.uri, graph.uri = str(examples_dir or shop.examples_dir), shop.graph_dir
        examples.split_names = json.dumps(["train", "validation", "catalog", "users"])
        self._inputs = {"examples": [examples], "transform_graph": [graph]}
        self._properties = {
            "custom_config": json.dumps(custom_config),
            "train_args": proto_utils.proto_to_json(trainer_pb2.TrainArgs(splits=["train"])),
            "eval_args": proto_utils.proto_to_json(trainer_pb2.EvalArgs(splits=["validation", "catalog", "users"])),
        }
        self.folder = folder
        self._best = standard_artifacts.HyperParameters()
        self._best.uri = str(folder / "best")
        self.results_dir = folder  # once it runs
        self.messages: list[list[str]] = []  # logged by each run

    def run(self) -> None:
        """Runs it as TFX does, which gives each execution folders of its own."""
        results = standard_artifacts.TunerResults()
        self.results_dir = self.folder / f"results-{len(self.messages)}"
        results.uri = str(self.results_dir)
        outputs = {"best_hyperparameters": [self._best], "tuner_results": [results]}
        context = Executor.Context(tmp_dir=str(self.folder / "tmp"), unique_id=str(len(self.messages)))
        said = _Messages()
        self.messages.append(said.texts)
        with said:
            Executor(context).Do(self._inputs, outputs, self._properties | {"tuner_fn": "models.tuning.tuner_fn"})

    @property
    def trials(self) -> list[dict]:
        """Best first."""
        return json.loads((self.results_dir / "tuner_results.json").read_text())

    def train(self) -> None:
        """Runs the training with the best values; writes `model` and `model_run` in the folder."""
        model, model_run = standard_artifacts.Model(), standard_artifacts.ModelRun()
        model.uri, model_run.uri = str(self.folder / "model"), str(self.folder / "model_run")
        GenericExecutor(GenericExecutor.Context()).Do(
            self._inputs | {"hyperparameters": [self._best]},
            {"model": [model], "model_run": [model_run]},
            self._properties | {"run_fn": "models.trainer.run_fn"},
        )
