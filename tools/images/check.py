"""Runs the instructions of the Dockerfiles in clean root file systems: `python -m tools.images.check`.

There need not be a container engine, and what is proved is what the instructions do, not what an engine makes of them:
that they succeed on a fresh Debian 13, that the user they name can import and start every component, and that nothing
but the image's own packages is there. Takes some five minutes and about 10 GB below FOLDER.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

from tools.images import root_filesystem
from tools.images.dockerfile import Stage, environment, parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGES = ROOT / "kubeflow" / "images"
_COMPONENTS = """
import importlib.util, platform, sys
import tensorflow, tensorflow_text, tfx, tensorflow_model_analysis, models.trainer, serving.server
from pipeline import config, dag
from pipeline.kubeflow import entrypoint, messages
found = dag.create_pipeline(config.load("complete_journey", {"runs_dir": "/tmp/runs"}))
assert all(c.executor_spec for c in found.components)
assert tensorflow.keras.Model.__module__.startswith("tf_keras"), tensorflow.keras.Model.__module__
assert pathlib.Path(".cache/minilm/encoder/saved_model.pb").is_file()
extra = [name for name in ("pytest", "ruff", "moto", "hypothesis", "uv") if importlib.util.find_spec(name)]
assert not extra, extra
print(len(found.components), "components on Python", sys.version.split()[0], *platform.libc_ver())
"""


def build(stages: list[Stage], bases: dict[str, pathlib.Path], folder: pathlib.Path) -> tuple[pathlib.Path, Stage]:
    """Builds stages in order; returns the last one's root file system.

    Args:
        stages: of a Dockerfile.
        bases: root file systems by the names that FROM uses; copied, not changed.
        folder: where those of the stages go.
    """
    built: dict[str, pathlib.Path] = {}
    for number, stage in enumerate(stages):
        root = folder / (stage.name or f"stage-{number}")
        print(f"FROM {stage.base}", flush=True)
        subprocess.run(["cp", "--archive", bases[stage.base], root], check=True)
        root_filesystem.allow_index(root)
        state = _State()
        for keyword, rest in stage.instructions:
            print(f"  {keyword} {rest}", flush=True)
            state.apply(keyword, rest, root, built)
        root_filesystem.forbid_index(root)
        built[stage.name or ""] = root
    return root, stages[-1]


class _State:
    """What instructions leave behind for those after them."""

    def __init__(self):
        self.environment = {"PATH": root_filesystem.PATH}
        self.workdir = "/"
        self.user = "0"

    def apply(self, keyword: str, rest: str, root: pathlib.Path, built: dict[str, pathlib.Path]) -> None:
        match keyword:
            case "ENV":
                self.environment |= environment(rest, self.environment)
            case "WORKDIR":
                self.workdir = rest
                (root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "USER":
                self.user = rest
            case "RUN":
                root_filesystem.run(root, rest, self.environment, self.workdir, self.user)
            case "COPY":
                self._copy(rest, root, built)

    def _copy(self, rest: str, root: pathlib.Path, built: dict[str, pathlib.Path]) -> None:
        *flags, source, target = rest.split()
        target = str(pathlib.PurePosixPath(self.workdir, target))
        into = root / target.lstrip("/")
        if flags:
            source = str(built[flags[0].removeprefix("--from=")] / source.lstrip("/"))
            into.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "--archive", source, into], check=True)
        elif (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, into, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        else:
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / source, into / pathlib.Path(source).name if into.is_dir() else into)


def check(root: pathlib.Path, stage: Stage) -> None:
    """Starts what the image starts, as the user whom it starts it as."""
    state = _State()
    for keyword, rest in stage.instructions:
        if keyword in ("ENV", "WORKDIR", "USER"):
            state.apply(keyword, rest, root, {})
    assert state.user != "0", "the image runs as root"
    script = root / "tmp" / "check.py"
    script.write_text("import pathlib\n" + _COMPONENTS)
    root_filesystem.run(root, "python /tmp/check.py", state.environment, state.workdir, state.user)
    root_filesystem.run(
        root,
        "python -m pipeline.kubeflow.entrypoint --help > /dev/null && touch /minio/x /s3/x /gcs/x && ! touch /opt/x",
        state.environment,
        state.workdir,
        state.user,
    )
    script.unlink()


def main(arguments: list[str]) -> int:
    """Builds and checks; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=pathlib.Path, help="where root file systems are made; a temporary one without")
    parser.add_argument("--suite", default="trixie", help="the Debian release that stands in for the base image's")
    known = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="images-", dir=known.folder) as name:
        folder = pathlib.Path(name)
        try:
            root_filesystem.create(folder / "base", known.suite)
        except root_filesystem.Missing as missing:
            print(f"error: {missing}", file=sys.stderr)
            return 1
        stages = parse(IMAGES / "Dockerfile")
        root, last = build(stages, {stages[0].base: folder / "base"}, folder)
        check(root, last)
        size = subprocess.run(["du", "--summarize", "--block-size=M", root], capture_output=True, text=True, check=True)
        print(f"kubeflow/images/Dockerfile: built and checked, {size.stdout.split()[0]} unpacked")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
