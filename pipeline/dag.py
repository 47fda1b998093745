"""The whole pipeline, from a shop's tables to a pushed model."""

import os
from collections.abc import Callable
from typing import NamedTuple

from tfx import v1 as tfx
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto import transform_pb2
from tfx.types.standard_artifacts import Model, ModelBlessing

from components.baseline.strategy import LatestBlessedBefore
from components.data_gate.component import DataGate
from components.evaluation.component import Evaluator
from components.evaluation.gate import eval_config
from components.infra_validation.component import InfraValidator
from components.infra_validation.settings import Settings as InfraSettings
from components.pusher.executor import Executor as AtomicPusher
from components.request_examples.component import RequestExamples
from components.request_examples.settings import Settings as RequestSettings
from components.table_gen.component import table_gen
from models.settings import TrainerSettings, TransformSettings
from pipeline.beam import LOCAL_BEAM_ARGS, engine_args
from pipeline.config import Config
from pipeline.fingerprint import fingerprint
from schemas.request_example import CATALOG_SPLIT, REQUEST_SPLITS, USERS_SPLIT

TABLES = ("events", "items", "users")


def _decided_by(component: BaseComponent, *paths: str) -> BaseComponent:
    """Lets the cached result count only as long as these files and folders of code stay what they are.

    TFX compares a component's inputs and settings alone. Flags of an executor are compared as well, and executors
    ignore those that they do not know.
    """
    component.executor_spec.add_extra_flags([f"--decided_by={fingerprint(*paths)}"])
    return component


class _Validation(NamedTuple):
    """What describes one table and holds it against its schema."""

    statistics: BaseComponent
    schema: BaseComponent
    validator: BaseComponent

    @classmethod
    def of(cls, name: str, table: BaseComponent, config: Config) -> "_Validation":
        title = name.capitalize()
        statistics = tfx.components.StatisticsGen(examples=table.outputs["examples"]).with_id(f"{title}Statistics")
        schema_file = os.path.join(config.schema_dir, f"{name}.pbtxt")
        schema = tfx.components.ImportSchemaGen(schema_file=schema_file).with_id(f"{title}Schema")
        _decided_by(schema, schema_file)
        validator = tfx.components.ExampleValidator(
            statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
        ).with_id(f"{title}Validator")
        return cls(statistics, schema, validator)


def _latest_blessed(trainer: BaseComponent) -> BaseNode:
    return tfx.dsl.Resolver(
        strategy_class=LatestBlessedBefore,
        candidate=trainer.outputs["model"],
        model=tfx.dsl.Channel(type=Model),
        model_blessing=tfx.dsl.Channel(type=ModelBlessing),
    )


def create_pipeline(
    config: Config,
    beam_args: list[str] | None = None,
    baseline_of: Callable[[BaseComponent], BaseNode] = _latest_blessed,
) -> tfx.dsl.Pipeline:
    """Builds the DAG of a shop.

    Args:
        config: the shop.
        beam_args: options of the Beam runner that runs the data-parallel components; those that `config.beam` stands
            for by default.
        baseline_of: makes the node that outputs, as `model`, what the Trainer's model has to stand up to; by default
            it asks the metadata store.
    """
    # Each table comes in as columns, bad rows set aside, and is described and held against its curated schema.
    tables = {name: _decided_by(table_gen(name, config), "components/table_gen") for name in TABLES}
    validations = {name: _Validation.of(name, table, config) for name, table in tables.items()}

    # Bad data must not train anything: this stops the run on anomalies.
    gate = DataGate(**{name: checks.validator.outputs["anomalies"] for name, checks in validations.items()})
    _decided_by(gate, "components/data_gate")

    # The join: which questions were asked, what was known before each, and what answered it.
    requests = RequestExamples(
        **{name: table.outputs["examples"] for name, table in tables.items()}, settings=RequestSettings.of(config)
    )
    requests.add_upstream_node(gate)
    _decided_by(requests, "components/request_examples", "schemas/request_example.py")

    # Vocabularies and scales, learnt from training requests and the catalogue; the graph is served with the model.
    transform = tfx.components.Transform(
        examples=requests.outputs["examples"],
        schema=requests.outputs["schema"],
        preprocessing_fn="models.preprocessing.preprocessing_fn",
        splits_config=transform_pb2.SplitsConfig(
            analyze=["train", CATALOG_SPLIT], transform=[*REQUEST_SPLITS, CATALOG_SPLIT, USERS_SPLIT]
        ),
        custom_config={"settings": TransformSettings.of(config).model_dump_json()},
        disable_statistics=True,
        disable_analyzer_cache=True,
    )
    _decided_by(transform, "models/preprocessing.py", "models/settings.py")

    # Retrieval and ranking, trained together and exported as one SavedModel.
    trainer = tfx.components.Trainer(
        run_fn="models.trainer.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        train_args=tfx.proto.TrainArgs(splits=["train"]),
        eval_args=tfx.proto.EvalArgs(splits=["validation", CATALOG_SPLIT, USERS_SPLIT]),
        custom_config={"settings": TrainerSettings.of(config).model_dump_json()},
    )
    _decided_by(trainer, "models", "schemas")

    # What the candidate has to stand up to.
    baseline = baseline_of(trainer).with_id("Baseline")

    # Judges the served signature on requests newer than all that trained it, and refuses what is not good enough.
    evaluator = Evaluator(
        examples=requests.outputs["examples"],
        model=trainer.outputs["model"],
        baseline_model=baseline.outputs["model"],
        eval_config=eval_config(config),
        gates=config.evaluation.gates,
    )
    _decided_by(evaluator, "components/evaluation")

    # Good is not enough: a server of its own has to load the candidate and to answer the same requests in time.
    infra_validator = InfraValidator(
        model=trainer.outputs["model"],
        examples=requests.outputs["examples"],
        settings=InfraSettings.of(config).model_dump_json(),
    )
    infra_validator.add_upstream_node(evaluator)
    _decided_by(infra_validator, "components/infra_validation", "schemas", "serving")

    # Only a model that both have blessed becomes the next version that TensorFlow Serving sees.
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=infra_validator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=config.destination)
        ),
        custom_executor_spec=ExecutorClassSpec(AtomicPusher),
    )

    # What TFX hands to the whole pipeline reaches every component that has Beam in it; the engine is for these alone.
    statistics = (checks.statistics for checks in validations.values())
    for component in (*tables.values(), *statistics, requests, transform, evaluator):
        component.with_beam_pipeline_args(engine_args(config.beam) if beam_args is None else beam_args)

    return tfx.dsl.Pipeline(
        pipeline_name=config.name,
        pipeline_root=config.artifacts_root,
        components=[
            *tables.values(),
            *(component for checks in validations.values() for component in checks),
            gate,
            requests,
            transform,
            trainer,
            baseline,
            evaluator,
            infra_validator,
            pusher,
        ],
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str((config.run_dir / "metadata.sqlite").absolute())
        ),
        beam_pipeline_args=LOCAL_BEAM_ARGS,
    )
