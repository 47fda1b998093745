"""What the open-source launcher says, in TFX's words, and back."""

import base64
import json
import pathlib

import pytest

from pipeline.kubeflow.messages import MessageError, to_launcher, to_tfx
from pipeline.kubeflow.places import Places
from pipeline.kubeflow.run_parameters import apply

MODEL = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
PLACES = Places("/")


def message(**changes: dict) -> dict:
    """An `ExecutorInput` as the launcher writes it: inputs without a type, an output of its own."""
    told = {
        "inputs": {
            "artifacts": {
                "model": {
                    "artifacts": [
                        {
                            "name": "7",
                            "uri": "minio://mlpipeline/root/1/Trainer/2/model",
                            "type": {"instanceSchema": ""},
                            "metadata": {"blessed": 1.0, "store_session_info": "{}"},
                        }
                    ]
                }
            },
            "parameterValues": {"settings": "{}", "image": "shelfwise:1"},
        },
        "outputs": {
            "artifacts": {
                "blessing": {"artifacts": [{"uri": "minio://mlpipeline/root/1/Evaluator/2/blessing", "type": MODEL}]},
                "executor-logs": {
                    "artifacts": [{"uri": "minio://mlpipeline/logs", "type": {"schemaTitle": "system.Artifact"}}]
                },
            },
            "outputFile": "/tmp/kfp_outputs/output_metadata.json",
        },
    }
    return told | changes


def translated(told: dict, tmp_path: pathlib.Path) -> dict:
    return to_tfx(told, {"artifacts": {"model": {"artifactType": MODEL}}}, PLACES, tmp_path)


def test_an_input_without_a_type_gets_the_declared_one(tmp_path):
    (model,) = translated(message(), tmp_path)["inputs"]["artifacts"]["model"]["artifacts"]
    assert model["type"] == MODEL


def test_an_input_that_comes_with_a_type_keeps_it(tmp_path):
    told = message()
    told["inputs"]["artifacts"]["model"]["artifacts"][0]["type"] = {"instanceSchema": "title: tfx.PushedModel"}
    (model,) = translated(told, tmp_path)["inputs"]["artifacts"]["model"]["artifacts"]
    assert model["type"] == {"instanceSchema": "title: tfx.PushedModel"}


def test_an_input_of_no_known_type_is_an_error_that_names_it(tmp_path):
    with pytest.raises(MessageError, match="input 'model' comes without a type"):
        to_tfx(message(), {}, PLACES, tmp_path)


def test_an_output_of_the_launchers_own_is_left_to_it(tmp_path):
    assert set(translated(message(), tmp_path)["outputs"]["artifacts"]) == {"blessing"}


@pytest.mark.parametrize(
    ("address", "folder"),
    [
        ("minio://bucket/a/b", "/minio/bucket/a/b"),
        ("s3://bucket/a", "/s3/bucket/a"),
        ("gs://bucket/a", "/gcs/bucket/a"),
        ("/volume/a", "/volume/a"),
    ],
)
def test_artefacts_are_looked_for_where_the_launcher_puts_them(address, folder):
    assert PLACES.folder(address) == folder
    assert PLACES.address(folder) == address


def test_inputs_and_outputs_are_named_by_their_folders(tmp_path):
    told = translated(message(), tmp_path)
    assert told["inputs"]["artifacts"]["model"]["artifacts"][0]["uri"] == "/minio/mlpipeline/root/1/Trainer/2/model"
    assert told["outputs"]["artifacts"]["blessing"]["artifacts"][0]["uri"].startswith("/minio/mlpipeline/root/")


def test_a_baseline_that_is_marked_absent_is_no_input_at_all(tmp_path):
    told = message()
    told["inputs"]["artifacts"]["model"]["artifacts"][0]["metadata"] = {"absent": 1.0}
    assert translated(told, tmp_path)["inputs"]["artifacts"]["model"]["artifacts"] == []


def test_a_file_inside_the_pipeline_becomes_a_file(tmp_path):
    told = message()
    content = base64.b64encode(b"feature { }").decode()
    told["inputs"]["parameterValues"]["schema_file"] = f"data:text/plain;base64,{content}"
    values = translated(told, tmp_path)["inputs"]["parameterValues"]
    assert pathlib.Path(values["schema_file"]).read_bytes() == b"feature { }"
    assert values["settings"] == "{}"


def test_parameters_of_the_pod_do_not_reach_the_component(tmp_path):
    assert set(translated(message(), tmp_path)["inputs"]["parameterValues"]) == {"settings"}


def test_what_the_launcher_said_is_not_changed(tmp_path):
    told = message()
    before = json.dumps(told)
    translated(told, tmp_path)
    assert json.dumps(told) == before


def test_the_launcher_is_told_no_nulls_no_folders_and_no_places_of_outputs():
    answer = {
        "artifacts": {
            "blessing": {
                "artifacts": [
                    {
                        "uri": "/minio/mlpipeline/blessing",
                        "metadata": {"blessed": 1.0, "current_model": "/minio/mlpipeline/model", "span": None},
                    }
                ]
            }
        }
    }
    assert to_launcher(answer, PLACES)["artifacts"]["blessing"]["artifacts"] == [
        {"metadata": {"blessed": 1.0, "current_model": "minio://mlpipeline/model"}}
    ]


@pytest.mark.parametrize(
    ("root", "expected"), [("/tables", "/tables/events"), ("minio://shop/tables", "s3://shop/tables/events")]
)
def test_another_data_root_keeps_the_tables_folder(root, expected):
    assert apply({"input_base": "data/shop/events", "data_root": root}) == {"input_base": expected}


def test_epochs_reach_the_trainers_settings_and_leave_the_others():
    settings = {"training": {"epochs": 5, "seed": 42}, "heads": []}
    custom = json.dumps({"settings": json.dumps(settings)})
    changed = json.loads(json.loads(apply({"custom_config": custom, "epochs": 2.0})["custom_config"])["settings"])
    assert changed == {"training": {"epochs": 2, "seed": 42}, "heads": []}


@pytest.mark.parametrize(("last", "expected"), [(7.0, 7), (-1.0, None)])
def test_spans_reach_the_contract_and_the_newest_there_is_may_be_meant_whatever_is_configured(last, expected):
    contract = {"table": "events", "first_span": None, "last_span": 9}
    packed = {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": json.dumps(contract)}
    properties = apply({"custom_config": json.dumps({"custom_config": packed}), "last_span": last})
    found = json.loads(json.loads(properties["custom_config"])["custom_config"]["value"])
    assert found == contract | {"last_span": expected}


def test_a_destination_is_what_pusher_and_baseline_each_take_for_one():
    pusher = apply({"push_destination": "{}", "destination": "/models"})
    assert json.loads(pusher["push_destination"]) == {"filesystem": {"base_directory": "/models"}}
    assert apply({"base": "/elsewhere", "destination": "/models"}) == {"base": "/models"}
