"""What containers start, beyond the messages."""

import os
import pathlib
import subprocess
import sys

from tfx.orchestration.kubeflow.v2.compiler_utils import get_artifact_schema
from tfx.types import standard_artifacts

from pipeline.kubeflow.entrypoint import make_places

ROOT = pathlib.Path(__file__).parents[2]


def output(artifact_type, uri) -> dict:
    schema = get_artifact_schema(artifact_type)
    schema = schema.decode() if isinstance(schema, bytes) else schema
    return {"artifacts": [{"uri": str(uri), "type": {"instanceSchema": schema}}]}


def test_an_output_is_a_folder_and_a_value_is_a_file(tmp_path):
    make_places(
        {
            "model": output(standard_artifacts.Model, tmp_path / "Trainer" / "model"),
            "report": output(standard_artifacts.JsonValue, tmp_path / "DataGate" / "report"),
        }
    )
    assert (tmp_path / "Trainer" / "model").is_dir()
    assert (tmp_path / "DataGate" / "report").read_text() == ""


def test_it_starts_where_the_distribution_named_kubeflow_is_installed(tmp_path):
    other = tmp_path / "kubeflow"
    other.mkdir()
    (other / "__init__.py").write_text("raise RuntimeError('this is another kubeflow')\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}
    started = subprocess.run(
        [sys.executable, "-m", "pipeline.kubeflow.entrypoint", "--help"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode == 0, started.stderr
    assert "--executor_class_path" in started.stdout


def test_keras_2_is_chosen_before_tensorflow_is_there(tmp_path):
    code = "import sys, os, pipeline.kubeflow.entrypoint\n"
    code += "print('tensorflow' in sys.modules, os.environ['TF_USE_LEGACY_KERAS'])"
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    said = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["False", "1"]
