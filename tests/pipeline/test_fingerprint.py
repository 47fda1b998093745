import pytest

from pipeline.fingerprint import fingerprint


@pytest.fixture
def package(tmp_path):
    (tmp_path / "package" / "inner").mkdir(parents=True)
    (tmp_path / "package" / "a.py").write_text("x = 1\n")
    (tmp_path / "package" / "inner" / "b.py").write_text("y = 1\n")
    return tmp_path / "package"


def _edit(package):
    (package / "inner" / "b.py").write_text("y = 2\n")


def _rename(package):
    (package / "a.py").rename(package / "c.py")


def _add(package):
    (package / "inner" / "c.py").touch()


def _swap(package):
    (package / "a.py").write_text("y = 1\n")
    (package / "inner" / "b.py").write_text("x = 1\n")


@pytest.mark.parametrize("change", [_edit, _rename, _add, _swap])
def test_a_change_of_the_code_changes_the_fingerprint(package, change):
    before = fingerprint(package)
    change(package)
    assert fingerprint(package) != before


def test_compiled_files_and_the_place_of_the_folder_do_not(package, tmp_path):
    before = fingerprint(package)
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "a.pyc").write_bytes(b"compiled")
    (tmp_path / "elsewhere").mkdir()
    assert fingerprint(package.rename(tmp_path / "elsewhere" / "package")) == before


def test_relative_paths_are_those_of_the_packages():
    assert fingerprint("models") == fingerprint("models")
    assert fingerprint("models") != fingerprint("models/preprocessing.py")


def test_a_path_that_does_not_exist_is_an_error():
    with pytest.raises(FileNotFoundError):
        fingerprint("models/nothing.py")
