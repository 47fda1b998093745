"""The whole pipeline, from a shop's tables to a pushed model."""

import os
from collections.abc import Callable
from typing import NamedTuple

from tfx import v1 as tfx
from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto import transform_pb2
from tfx.types.standard_artifacts import Model, ModelBlessing

from components.baseline.parent import LatestBlessedOfEarlierSpan
from components.baseline.strategy import LatestBlessedBefore
from components.data_gate.component import DataGate, SkewGate
from components.drift.component import DriftValidator, SkewValidator
from components.evaluation.component import Evaluator
from components.evaluation.gate import eval_config
from components.infra_validation.component import InfraValidator
from components.infra_validation.settings import Settings as InfraSettings
from components.pusher.executor import Executor as AtomicPusher
from components.request_examples.component import RequestExamples
from components.request_examples.settings import Settings as RequestSettings
from components.serving_logs.component import serving_logs_gen
from components.serving_logs.contract import RequestContract
from components.table_gen.component import table_gen
from components.tuner.component import Tuner
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


def _latest_blessed_of_earlier_span(config: Config) -> BaseNode:
    return tfx.dsl.Resolver(
        strategy_class=LatestBlessedOfEarlierSpan,
        config={"span": config.data.last_span},
        model=tfx.dsl.Channel(type=Model),
        model_blessing=tfx.dsl.Channel(type=ModelBlessing),
    )


def _skew_checks(config: Config, requests: BaseComponent) -> list[BaseComponent]:
    """What holds the requests that train against those that the shop's server logged, the gate last."""
    import tensorflow_data_validation as tfdv  # slow, and needed by those alone who have logs

    served = _decided_by(serving_logs_gen(config), "components/serving_logs", "components/table_gen")
    serving = tfx.components.StatisticsGen(examples=served.outputs["examples"]).with_id("ServingStatistics")
    training = tfx.components.StatisticsGen(
        examples=requests.outputs["examples"],
        exclude_splits=[*REQUEST_SPLITS[1:], CATALOG_SPLIT, USERS_SPLIT],
        stats_options=tfdv.StatsOptions(feature_allowlist=RequestContract.of(config).names),
    ).with_id("RequestStatistics")
    schema_file = os.path.join(config.schema_dir, "requests.pbtxt")
    schema = tfx.components.ImportSchemaGen(schema_file=schema_file).with_id("RequestSchema")
    _decided_by(schema, schema_file)
    validator = tfx.components.ExampleValidator(
        statistics=serving.outputs["statistics"], schema=schema.outputs["schema"]
    ).with_id("ServingValidator")
    skew = SkewValidator(
        statistics=training.outputs["statistics"],
        serving_statistics=serving.outputs["statistics"],
        schema=schema.outputs["schema"],
        min_rows=config.data.min_compared_requests,
    ).with_id("ServingSkew")
    _decided_by(skew, "components/drift")
    gate = SkewGate(serving=validator.outputs["anomalies"], skew=skew.outputs["anomalies"])
    _decided_by(gate, "components/data_gate")
    return [served, serving, training, schema, validator, skew, gate]


def create_pipeline(
    config: Config,
    beam_args: list[str] | None = None,
    baseline_of: Callable[[BaseComponent], BaseNode] = _latest_blessed,
    parent_of: Callable[[Config], BaseNode] = _latest_blessed_of_earlier_span,
    *,
    only_data: bool = False,
) -> tfx.dsl.Pipeline:
    """Builds the DAG of a shop.

    Args:
        config: the shop, over a window of spans (`pipeline.spans.window`) if it is to start warm.
        beam_args: options of the Beam runner that runs the data-parallel components; those that `config.beam` stands
            for by default.
        baseline_of: makes the node that outputs, as `model`, what the Trainer's model has to stand up to; by default
            it asks the metadata store.
        parent_of: makes the node that outputs, as `model`, what training goes on from if it is to start warm; likewise.
        only_data: whether to end once the tables, and the logged requests if there are some, have passed the gates.
    """
    # Each table comes in as columns, bad rows set aside, and is described and held against its curated schema.
    tables = {name: _decided_by(table_gen(name, config), "components/table_gen") for name in TABLES}
    validations = {name: _Validation.of(name, table, config) for name, table in tables.items()}

    # What is new must resemble what was there. Only events have spans; items and users answer to their schemas alone.
    drift = DriftValidator(
        statistics=validations["events"].statistics.outputs["statistics"],
        examples=tables["events"].outputs["examples"],
        schema=validations["events"].schema.outputs["schema"],
        min_rows=config.data.min_compared_rows,
    ).with_id("EventsDrift")
    _decided_by(drift, "components/drift")

    # Bad data must not train anything: this stops the run on anomalies.
    gate = DataGate(
        **{name: checks.validator.outputs["anomalies"] for name, checks in validations.items()},
        drift=drift.outputs["anomalies"],
    )
    _decided_by(gate, "components/data_gate")
    checks = [*tables.values(), *(component for validation in validations.values() for component in validation)]
    checks += [drift, gate]
    if only_data and config.data.serving_logs is None:
        return _pipeline(config, beam_args, checks)

    # The join: which questions were asked, what was known before each, and what answered it.
    requests = RequestExamples(
        **{name: table.outputs["examples"] for name, table in tables.items()}, settings=RequestSettings.of(config)
    )
    requests.add_upstream_node(gate)
    _decided_by(requests, "components/request_examples", "schemas/request_example.py")

    # Where the shop logs what its server is asked, a model must not be trained on other requests than it will get.
    skew_checks = _skew_checks(config, requests) if config.data.serving_logs is not None else []
    if only_data:
        return _pipeline(config, beam_args, [*checks, requests, *skew_checks])

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
    for skew_gate in skew_checks[-1:]:
        transform.add_upstream_node(skew_gate)

    # What both tuning and training learn from.
    training = {
        "examples": transform.outputs["transformed_examples"],
        "transform_graph": transform.outputs["transform_graph"],
        "train_args": tfx.proto.TrainArgs(splits=["train"]),
        "eval_args": tfx.proto.EvalArgs(splits=["validation", CATALOG_SPLIT, USERS_SPLIT]),
    }
    custom_config = {"settings": TrainerSettings.of(config).model_dump_json(), "checkpoints": config.checkpoint_dir}

    # Better values than those configured, if they are to be searched.
    tuners = []
    if config.tuning:
        tuning = {"tuning": config.tuning.model_dump_json()}
        tuners.append(Tuner(tuner_fn="models.tuning.tuner_fn", custom_config=custom_config | tuning, **training))
        _decided_by(tuners[0], "components/tuner", "models", "schemas")

    # What training may go on from, where it is to: everything that the model of the span before has learnt.
    parents = [parent_of(config).with_id("Parent")] if config.training.warm_start.enabled else []

    # Retrieval and ranking, trained together and exported as one SavedModel.
    trainer = tfx.components.Trainer(
        run_fn="models.trainer.run_fn",
        base_model=parents[0].outputs["model"] if parents else None,
        hyperparameters=tuners[0].outputs["best_hyperparameters"] if tuners else None,
        custom_config=custom_config,
        **training,
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

    models = [transform, *tuners, *parents, trainer, baseline, evaluator, infra_validator, pusher]
    return _pipeline(config, beam_args, [*checks, requests, *skew_checks, *models])


def _pipeline(config: Config, beam_args: list[str] | None, components: list[BaseComponent]) -> tfx.dsl.Pipeline:
    # What TFX hands to the whole pipeline reaches every component that has Beam in it; the engine is for these alone.
    for component in components:
        if isinstance(component, BaseBeamComponent):
            component.with_beam_pipeline_args(engine_args(config.beam) if beam_args is None else beam_args)
    return tfx.dsl.Pipeline(
        pipeline_name=config.name,
        pipeline_root=config.artifacts_root,
        components=components,
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str((config.run_dir / "metadata.sqlite").absolute())
        ),
        beam_pipeline_args=list(LOCAL_BEAM_ARGS),
    )
