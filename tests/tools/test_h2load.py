"""The load generator is the machine's own, or is fetched once; what is missing is said plainly."""

import pytest

from tools import h2load
from tools.h2load import H2load, MissingPrerequisite

# apt, which knows a package that depends on the C library and on another, and gives an archive of that name.
_DEPENDS = "printf 'nghttp2-client\\n  Depends: libc6\\n  Depends: <virtual>\\nlibc6\\nlibev4\\n'"
_DOWNLOAD = 'while [ "$1" != download ]; do shift; done; shift; for name; do echo "$name" > "$name.deb"; done'
# Archives are unpacked into an h2load that says which they were, and a library.
_UNPACK = """/bin/mkdir -p "$3/usr/bin" "$3/usr/lib"
read -r name < "$2"
case $name in
  nghttp2-client)
    printf '#!/bin/sh\\necho "$LD_LIBRARY_PATH" $*' > "$3/usr/bin/h2load"
    /bin/chmod +x "$3/usr/bin/h2load" ;;
  *) : > "$3/usr/lib/$name.so.1" ;;
esac"""


def test_an_installed_one_is_used(path, tmp_path):
    path("h2load", "echo installed $*")
    assert h2load.find(tmp_path / "cache").run("-n", "1") == "installed -n 1\n"
    assert not (tmp_path / "cache").exists()


def test_it_is_fetched_once_with_what_it_needs_beyond_the_system(path, tmp_path, monkeypatch):
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    path("apt-cache", _DEPENDS)
    path("apt-get", _DOWNLOAD)
    path("dpkg", _UNPACK)
    cache = tmp_path / "cache"
    assert h2load.find(cache).run("--version") == f"{cache}/usr/lib --version\n"
    assert [library.name for library in (cache / "usr" / "lib").iterdir()] == ["libev4.so.1"]
    path("apt-cache", "exit 1")
    assert h2load.find(cache).program == f"{cache}/usr/bin/h2load"


@pytest.mark.parametrize("broken", ["apt-cache", "apt-get", "dpkg"])
def test_what_fails_is_said_with_the_remedy_and_leaves_nothing(path, tmp_path, broken):
    for name, script in {"apt-cache": _DEPENDS, "apt-get": _DOWNLOAD, "dpkg": _UNPACK}.items():
        path(name, "echo 'E: no mirror' >&2; exit 1" if name == broken else script)
    with pytest.raises(MissingPrerequisite, match=rf"`{broken} .*E: no mirror.*apt-get update"):
        h2load.find(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_without_apt_it_is_to_be_installed(path, tmp_path):
    with pytest.raises(MissingPrerequisite, match="install nghttp2"):
        h2load.find(tmp_path / "cache")


def test_a_failure_of_the_program_is_raised(path, tmp_path):
    path("h2load", "echo 'cannot connect' >&2; exit 1")
    with pytest.raises(RuntimeError, match="cannot connect"):
        h2load.find(tmp_path / "cache").run()
    assert h2load.find(tmp_path / "cache") == H2load(str(tmp_path / "bin" / "h2load"))
