import pytest

from pipeline import config
from pipeline.beam import LOCAL_BEAM_ARGS
from pipeline.dag import create_pipeline
from pipeline.fingerprint import fingerprint


@pytest.fixture(scope="module")
def components():
    pipeline = create_pipeline(config.load("movielens"))
    return {component.id: component for component in pipeline.components}


@pytest.mark.parametrize(
    ("component", "sources"),
    [
        ("EventsGen", ["components/table_gen"]),
        ("ItemsGen", ["components/table_gen"]),
        ("UsersGen", ["components/table_gen"]),
        ("EventsSchema", ["schemas/movielens/events.pbtxt"]),
        ("EventsDrift", ["components/drift"]),
        ("DataGate", ["components/data_gate"]),
        ("RequestExamples", ["components/request_examples", "schemas/request_example.py"]),
        ("Transform", ["models/preprocessing.py", "models/settings.py"]),
        ("Trainer", ["models", "schemas"]),
        ("Evaluator", ["components/evaluation"]),
        ("InfraValidator", ["components/infra_validation", "schemas", "serving"]),
    ],
)
def test_a_cached_result_counts_only_while_the_code_that_made_it_is_unchanged(components, component, sources):
    # TFX compares the executor's flags, which is where the fingerprint stands.
    assert components[component].executor_spec.extra_flags == [f"--decided_by={fingerprint(*sources)}"]


def test_nothing_learns_before_the_gate_has_passed_the_tables(components):
    assert components["DataGate"] in components["RequestExamples"].upstream_nodes
    validators = {components[name] for name in ("EventsValidator", "ItemsValidator", "UsersValidator", "EventsDrift")}
    assert validators <= components["DataGate"].upstream_nodes


def test_only_a_judged_model_is_pushed(components):
    assert components["Evaluator"] in components["Pusher"].upstream_nodes
    assert components["InfraValidator"] in components["Pusher"].upstream_nodes
    assert {"model_blessing", "infra_blessing"} <= components["Pusher"].inputs.keys()


def test_limits_of_a_server_do_not_train_anew(components):
    stricter = create_pipeline(
        config.load("movielens", {"serving.max_latency_ms": 5, "serving.destination": "gs://a/b"})
    )
    changed = {component.id: component for component in stricter.components}
    for name, same in (("Trainer", True), ("InfraValidator", False), ("Pusher", False)):
        assert (changed[name].exec_properties == components[name].exec_properties) is same


def test_a_changed_gate_judges_anew_and_trains_nothing(components):
    stricter = create_pipeline(config.load("movielens", {"evaluation.slice_max_loss": {"ndcg@10": 0.1}}))
    changed = {component.id: component for component in stricter.components}
    for name, same in (("Trainer", True), ("Evaluator", False), ("InfraValidator", True)):
        assert (changed[name].exec_properties == components[name].exec_properties) is same


def test_the_evaluator_gives_what_those_of_tfx_give(components):
    outputs = {name: channel.type_name for name, channel in components["Evaluator"].outputs.items()}
    assert outputs == {"evaluation": "ModelEvaluation", "blessing": "ModelBlessing"}


def test_only_the_data_parallel_components_run_on_the_engine():
    pipeline = create_pipeline(config.load("movielens", {"beam.runner": "flink"}))
    on_engine = {
        component.id
        for component in pipeline.components
        if "--runner=FlinkRunner" in getattr(component.executor_spec, "beam_pipeline_args", [])
    }
    tables = {f"{table}{part}" for table in ("Events", "Items", "Users") for part in ("Gen", "Statistics")}
    assert on_engine == tables | {"RequestExamples", "Transform", "Evaluator"}
    assert "--runner=FnApiRunner" in pipeline.beam_pipeline_args


def test_without_an_engine_no_component_gets_options_of_its_own(components):
    assert components["RequestExamples"].executor_spec.beam_pipeline_args == list(LOCAL_BEAM_ARGS)


TUNING = {"tuning.space": {"training.learning_rate": [0.001, 0.01]}}


def test_tuning_is_off_unless_asked_for(components):
    assert "Tuner" not in components
    assert "hyperparameters" not in components["Trainer"].inputs


def test_training_waits_for_the_values_of_the_best_trial(components):
    tuned = {component.id: component for component in create_pipeline(config.load("movielens", TUNING)).components}
    assert list(tuned)[list(tuned).index("Tuner") + 1] == "Trainer"
    assert tuned["Trainer"].inputs["hyperparameters"].type_name == "HyperParameters"
    assert tuned["Tuner"] in tuned["Trainer"].upstream_nodes
    assert tuned["Tuner"].inputs.keys() == {"examples", "transform_graph"}
    decided_by = f"--decided_by={fingerprint('components/tuner', 'models', 'schemas')}"
    assert tuned["Tuner"].executor_spec.extra_flags == [decided_by]
    assert tuned["Trainer"].exec_properties == components["Trainer"].exec_properties


def test_only_a_warm_start_looks_for_an_earlier_model(components):
    assert "Parent" not in components
    assert "base_model" not in components["Trainer"].inputs
    pipeline = create_pipeline(config.load("movielens", {"training.warm_start.enabled": True, "data.last_span": 7}))
    warm = {component.id: component for component in pipeline.components}
    assert warm["Trainer"].inputs["base_model"].producer_component_id == "Parent"
    assert warm["Parent"] in warm["Trainer"].upstream_nodes
