"""TFX's entry point for tuning: short trainings with other values of the configuration, of which the best is kept."""

import os

import attr
import keras_tuner
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from absl import logging
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial, TrialStatus
from tensorboard.plugins.hparams import api as hparams
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.v1.components import TunerFnResult

from models import checkpoint, dataset, item_to_item, trainer
from models.settings import TrainerSettings
from models.text.encoder import TextEncoder
from pipeline.config_tuning import Tuning
from schemas.request_example import CATALOG_SPLIT

_ORACLES = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
    "grid": keras_tuner.oracles.GridSearchOracle,
}


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Prepares the search; TFX runs it.

    Args:
        fn_args: `custom_config` holds the settings of training as `settings` and those of the search as `tuning`, both
            as JSON, `trials`, where to log to, and `checkpoints`, where an interrupted search goes on from.
    """
    return TunerFnResult(tuner=Search(fn_args), fit_kwargs={})


class Search(BaseTuner):
    """KerasTuner's search over trainings of the whole model.

    KerasTuner builds and fits models of Keras 3 by itself, and the model is one of Keras 2: it chooses the values here,
    and nothing else.
    """

    def __init__(self, fn_args: FnArgs):
        """Args:
        fn_args: see `tuner_fn`.
        """
        self._args, given = fn_args, fn_args.custom_config
        self._settings = TrainerSettings.model_validate_json(given["settings"])
        self._tuning = Tuning.model_validate_json(given["tuning"])
        self._graph = tft.TFTransformOutput(fn_args.transform_graph_path)
        catalog = trainer.split_files(fn_args.eval_files, CATALOG_SPLIT)
        self._catalogue = dataset.catalogue(catalog, self._graph, self._settings)
        num_items = len(self._catalogue.item_ids) - 1
        self._learnt = item_to_item.learn(fn_args.train_files, self._graph, num_items, self._settings)
        self._encoder: TextEncoder | None = None
        self._known_texts: dict[bytes, np.ndarray] = {}
        space = keras_tuner.HyperParameters()
        for key, values in self._tuning.space.items():
            space.Choice(key, values)
        oracle = _ORACLES[self._tuning.search](
            objective=keras_tuner.Objective(self._tuning.objective, "min"),
            max_trials=self._tuning.trials,
            hyperparameters=space,
            allow_new_entries=False,
            tune_new_entries=False,
            **({} if self._tuning.search == "grid" else {"seed": self._settings.training.seed}),
        )
        super().__init__(oracle, directory=self._directory(), project_name="search")

    def _directory(self) -> str:
        root = self._args.custom_config.get("checkpoints")
        if not root:
            return self._args.working_dir
        files = [*self._args.train_files, *self._args.eval_files]
        decides = {"settings": self._settings.model_dump(mode="json"), "tuning": self._tuning.model_dump(mode="json")}
        return checkpoint.folder_of(root, files, decides)

    def on_search_begin(self) -> None:
        """Tells TensorBoard what is searched; of an interrupted search, what has been found so far."""
        domains = [hparams.HParam(key, hparams.Discrete(values)) for key, values in self._tuning.space.items()]
        metric = hparams.Metric(f"epoch_{self._tuning.objective}", group="validation", display_name=self._objective)
        with tf.summary.create_file_writer(self._args.custom_config["trials"]).as_default():
            hparams.hparams_config(hparams=domains, metrics=[metric])
        for trial in self.oracle.trials.values():
            if trial.status == TrialStatus.COMPLETED:
                self._log_values(trial)
                with tf.summary.create_file_writer(os.path.join(self._folder(trial), "validation")).as_default():
                    tf.summary.scalar(f"epoch_{self._tuning.objective}", trial.score, step=trial.best_step)

    def run_trial(self, trial: Trial) -> dict[str, float]:
        """Trains with the trial's values; gives the objective in the best epoch.

        Raises:
            keras_tuner.errors.FatalValueError: nothing is held out to judge by.
        """
        settings = self._settings.with_values(trial.hyperparameters.values)
        settings = settings.model_copy(update={"training": settings.training.lasting(self._tuning.epochs)})
        tf.keras.utils.set_random_seed(settings.training.seed)
        encoder = self._encoder or TextEncoder(**settings.model.text.model_dump())
        model = trainer.build(settings, self._graph, self._catalogue, encoder, self._known_texts)
        if not encoder.trainable_weights:  # encoding the texts takes long, and is the same for all trials
            texts, vectors = model.item_tower.text.encoded()
            self._encoder, self._known_texts = encoder, dict(zip(texts.tolist(), vectors, strict=True))
        self._log_values(trial)
        args = attr.evolve(self._args, model_run_dir=self._folder(trial), custom_config={})
        history = trainer.fit(model, args, self._graph, settings, self._learnt)
        name = f"val_{self._tuning.objective}"
        if name not in history[0]:
            raise keras_tuner.errors.FatalValueError(
                "no shopper is held out to judge trials by; raise requests.validation_share"
            )
        return {self._tuning.objective: min(logs[name] for logs in history)}

    def on_trial_end(self, trial: Trial) -> None:
        """Says in one line what the trial came to."""
        super().on_trial_end(trial)
        number, total = int(trial.trial_id) + 1, self._tuning.trials
        if trial.status == TrialStatus.COMPLETED:
            logging.info("trial %d of %d: %s", number, total, self._in_words(self.oracle.get_trial(trial.trial_id)))
        else:
            logging.error("trial %d of %d failed: %s", number, total, (trial.message or "").strip().split("\n")[-1])

    def on_search_end(self) -> None:
        """Says which trial was best."""
        best = self.oracle.get_best_trials(1)
        if best:
            logging.info("best trial, number %d: %s", int(best[0].trial_id) + 1, self._in_words(best[0]))

    @property
    def _objective(self) -> str:
        return self._tuning.objective.replace("_", " ")

    def _in_words(self, trial: Trial) -> str:
        values = [f"{key} {value}" for key, value in trial.hyperparameters.values.items()]
        return ", ".join([f"{self._objective} {trial.score:.4f}", *values])

    def _folder(self, trial: Trial) -> str:
        return os.path.join(self._args.custom_config["trials"], trial.trial_id)

    def _log_values(self, trial: Trial) -> None:
        with tf.summary.create_file_writer(self._folder(trial)).as_default():
            hparams.hparams(dict(trial.hyperparameters.values), trial_id=trial.trial_id)
