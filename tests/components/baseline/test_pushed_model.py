"""The baseline where no metadata store can be asked."""

from tfx.types import standard_artifacts

from components.baseline import pushed_model
from components.baseline.absence import ABSENT
from components.baseline.pushed_model import PushedModel, newest_version


def push(base, version: str, content: str = "graph"):
    folder = base / version
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text(content)
    (folder / "variables" / "variables.index").write_text(content)
    return folder


def output(tmp_path, base) -> standard_artifacts.Model:
    model = standard_artifacts.Model()
    model.uri = str(tmp_path / "artefact")
    executor = PushedModel(base=str(base)).executor_spec.executor_class()
    executor.Do({}, {"model": [model]}, {"base": str(base)})
    return model


def test_the_newest_version_is_copied_to_where_evaluator_looks(tmp_path):
    push(tmp_path / "models", "999", "old")
    push(tmp_path / "models", "1000", "new")  # newest by number, not by name
    model = output(tmp_path, tmp_path / "models")
    served = tmp_path / "artefact" / "Format-Serving"
    assert (served / "saved_model.pb").read_text() == "new"
    assert (served / "variables" / "variables.index").read_text() == "new"
    assert model.get_string_custom_property("pushed_version") == "1000"
    assert not model.get_int_custom_property(ABSENT)


def test_before_the_first_push_there_is_none(tmp_path):
    model = output(tmp_path, tmp_path / "nothing" / "here")
    assert model.get_int_custom_property(ABSENT) == 1
    assert list((tmp_path / "artefact").iterdir()) == []


def test_what_is_not_whole_or_no_version_is_not_taken(tmp_path):
    push(tmp_path, "1000")
    (push(tmp_path, "2000") / "saved_model.pb").unlink()
    push(tmp_path, ".incoming")
    assert newest_version(str(tmp_path)) == "1000"


def test_a_version_that_was_rolled_back_is_no_baseline(tmp_path):
    push(tmp_path, "1000")
    newer = push(tmp_path, "2000")
    assert pushed_model.newest_version(str(tmp_path)) == "2000"
    newer.rename(tmp_path / "withdrawn")
    assert pushed_model.newest_version(str(tmp_path)) == "1000"
