"""Runs Transform and the trainer over the tiny shop as the DAG does."""

import json
import pathlib
from typing import NamedTuple

import tensorflow as tf
import tensorflow_transform as tft
import tiny_shop
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.transform.executor import Executor
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import transform_pb2
from tfx.types import standard_artifacts
from tfx.utils import io_utils, proto_utils

from models import dataset, trainer
from models.joint_model import JointModel
from models.settings import TrainerSettings, TransformSettings
from models.text.encoder import TextEncoder
from pipeline.beam import LOCAL_BEAM_ARGS
from pipeline.config import Config
from schemas import request_example


class Transformed(NamedTuple):
    """Transform's output, and how it was configured."""

    config: Config
    graph_dir: str
    examples_dir: pathlib.Path

    @property
    def graph(self) -> tft.TFTransformOutput:
        return tft.TFTransformOutput(self.graph_dir)

    @property
    def settings(self) -> TrainerSettings:
        return TrainerSettings.of(self.config)

    def files(self, split: str) -> list[str]:
        return [str(self.examples_dir / f"Split-{split}" / "*")]


def transform(config: Config, splits: dict[str, list[dict]], folder: pathlib.Path) -> Transformed:
    """Runs the Transform executor as the DAG does over raw examples."""

    def artifact(kind, name):
        artifact = kind()
        artifact.uri = str(folder / name)
        return artifact

    raw, transformed = (artifact(standard_artifacts.Examples, name) for name in ("raw", "transformed"))
    raw.split_names = transformed.split_names = json.dumps(list(splits))
    for split, rows in splits.items():
        path = folder / "raw" / f"Split-{split}" / "examples.gz"
        path.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for row in rows:
                writer.write(tiny_shop.encode(row))
    schema = artifact(standard_artifacts.Schema, "schema")
    examples_schema = request_example.schema(config.features, config.model.heads)
    io_utils.write_pbtxt_file(f"{schema.uri}/schema.pbtxt", examples_schema)
    graph = artifact(standard_artifacts.TransformGraph, "graph")
    Executor(BaseBeamExecutor.Context(beam_pipeline_args=list(LOCAL_BEAM_ARGS), tmp_dir=str(folder / "tmp"))).Do(
        {"examples": [raw], "schema": [schema]},
        {"transform_graph": [graph], "transformed_examples": [transformed]},
        {
            "preprocessing_fn": "models.preprocessing.preprocessing_fn",
            "splits_config": proto_utils.proto_to_json(
                transform_pb2.SplitsConfig(analyze=["train", request_example.CATALOG_SPLIT], transform=list(splits))
            ),
            "custom_config": json.dumps({"settings": TransformSettings.of(config).model_dump_json()}),
            "disable_statistics": 1,
            "disable_analyzer_cache": 1,
        },
    )
    return Transformed(config, graph.uri, folder / "transformed")


def change(settings: TrainerSettings, **sections: dict) -> TrainerSettings:
    """The settings with other values in some of their sections."""
    return settings.model_copy(
        update={name: getattr(settings, name).model_copy(update=values) for name, values in sections.items()}
    )


def trainer_args(
    shop: Transformed, settings: TrainerSettings, folder: pathlib.Path, checkpoints: pathlib.Path | None = None
) -> FnArgs:
    """What TFX's Trainer hands to `run_fn`."""
    return FnArgs(
        train_files=shop.files("train"),
        eval_files=shop.files("validation") + shop.files("catalog") + shop.files("users"),
        transform_graph_path=shop.graph_dir,
        serving_model_dir=str(folder / "serving"),
        model_run_dir=str(folder / "run"),
        custom_config={"settings": settings.model_dump_json(), "checkpoints": checkpoints and str(checkpoints)},
    )


def train(shop: Transformed, folder: pathlib.Path) -> str:
    """Runs the trainer and gives the SavedModel's folder."""
    trainer.run_fn(trainer_args(shop, shop.settings, folder))
    return str(folder / "serving")


def untrained(shop: Transformed, settings: TrainerSettings) -> tuple[JointModel, dataset.Catalogue]:
    """The model as training begins, and the catalogue that it was built for."""
    tf.keras.utils.set_random_seed(1)
    catalogue = dataset.catalogue(shop.files("catalog"), shop.graph, settings)
    return trainer.build(settings, shop.graph, catalogue, TextEncoder(**settings.model.text.model_dump())), catalogue
