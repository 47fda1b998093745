"""What is accepted as a ModelServerConfig; the texts are those of TensorFlow Serving."""

import grpc
import pytest
from served_models import configuration

from serving import model_config
from serving.model_config import ModelServerConfig
from serving.status import StatusError

GOOD = 'config { name: "toy" base_path: "/models/toy" model_platform: "tensorflow" }'


def test_a_file_is_read_as_text_proto(tmp_path):
    file = tmp_path / "models.config"
    file.write_text("# two models\nmodel_config_list {\n" + GOOD + '\nconfig: { name: "b", base_path: "/b" } }')
    config = model_config.read(file)
    assert [model.name for model in config.model_config_list.config] == ["toy", "b"]
    assert config.model_config_list.config[0].base_path == "/models/toy"


def test_a_file_with_an_unknown_field_is_refused_with_its_name_line_and_field(tmp_path):
    file = tmp_path / "models.config"
    file.write_text('model_config_list {\n  config { nome: "toy" }\n}')
    with pytest.raises(ValueError, match=r'models\.config.*2:12.*"nome"'):
        model_config.read(file)


def test_one_model_becomes_a_configuration_with_an_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (model,) = model_config.single("toy", "served/toy").model_config_list.config
    assert (model.name, model.base_path) == ("toy", str(tmp_path / "served" / "toy"))
    model_config.check(model_config.single("toy", "served/toy"))


def test_a_model_of_the_deprecated_type_is_accepted():
    model_config.check(configuration('config { name: "toy" base_path: "/models/toy" model_type: TENSORFLOW }'))


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([GOOD, GOOD], "Illegal to list model toy multiple times in config list"),
        (
            ['config { name: "toy" base_path: "models/toy" model_platform: "tensorflow" }'],
            "Expected model toy to have an absolute path or URI; got base_path()=models/toy",
        ),
        (
            ['config { name: "toy" model_platform: "tensorflow" }'],
            "Expected model toy to have an absolute path or URI; got base_path()=",
        ),
        (
            ['config { name: "toy" base_path: "/models/toy" }'],
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform.",
        ),
        (
            ['config { name: "toy" base_path: "/t" model_platform: "tensorflow" model_type: TENSORFLOW }'],
            "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform.",
        ),
        (
            ['config { name: "toy" base_path: "/t" model_type: OTHER }'],
            "ModelServerConfig::model_type choice 2 not supported.",
        ),
        (
            ['config { name: "toy" base_path: "/t" model_platform: "pytorch" }'],
            "Model toy requests unsupported platform pytorch",
        ),
        (
            ['config { name: "toy" base_path: "/t" model_platform: "tensorflow" logging_config {} }'],
            "No request-logger-creator provided.",
        ),
        (
            ['config { base_path: "/t" model_platform: "tensorflow" }'],
            "Illegal to list a model without a name; its base_path()=/t",
        ),
        (
            ['config { name: "toy" base_path: "gs://b/t" model_platform: "tensorflow" }'],
            "Model toy is at gs://b/t, but this server reads local folders only: mount or copy it, "
            "or serve it with TensorFlow Serving",
        ),
    ],
)
def test_a_wrong_configuration_is_an_invalid_argument_that_names_the_model(entries, text):
    with pytest.raises(StatusError) as caught:
        model_config.check(configuration(*entries))
    assert (caught.value.code, str(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, text)


def test_a_custom_configuration_is_refused():
    config = ModelServerConfig()
    config.custom_model_config.SetInParent()
    with pytest.raises(StatusError, match="ModelServer does not yet support custom model config"):
        model_config.check(config)


def test_a_served_model_may_not_change_its_platform():
    config = configuration('config { name: "toy" base_path: "/models/toy" model_platform: "pytorch" }')
    text = "For model toy platform was tensorflow and new platform requested is pytorch"
    with pytest.raises(StatusError, match=text):
        model_config.check(config, configuration(GOOD))
