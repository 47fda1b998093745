import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pipeline import cli

COMMANDS = [
    "data",
    "run",
    "check",
    "watch",
    "lineage",
    "serve",
    "promote",
    "rollback",
    "tensorboard",
    "batch",
    "query",
    "search",
    "similar",
    "report",
    "demo",
]
SHIPPED = "complete_journey, complete_journey_sample, complete_journey_weekly, movielens"


def _command(*arguments: str, columns: int = 100) -> subprocess.CompletedProcess:
    code = "import sys; from pipeline import cli; cli.main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": str(columns)},
        check=False,
    )


@pytest.fixture(scope="module")
def small_shop(tmp_path_factory) -> list[str]:
    """Arguments for a shop of ten MovieLens users, whose tables are written."""
    root = tmp_path_factory.mktemp("shop")
    arguments = ["movielens", "--set", f"data.root={root / 'data'}", "--set", f"runs_dir={root / 'runs'}"]
    arguments += ["--set", "data.sample=10"]
    assert _command("data", *arguments).returncode == 0
    return arguments


@pytest.mark.parametrize("columns", [50, 160])
def test_help_lists_every_command_at_any_width(columns):
    result = _command("--help", columns=columns)
    assert result.returncode == 0
    commands = [line.split()[0] for line in result.stdout.split("Commands:")[1].splitlines() if line.startswith("  ")]
    assert commands[: len(COMMANDS)] == COMMANDS
    assert max(map(len, result.stdout.splitlines())) <= columns


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_explains_the_configuration_and_its_overrides(command):
    result = _command(command, "--help")
    assert result.returncode == 0
    assert "CONFIG" in result.stdout
    assert "--set KEY=VALUE" in result.stdout


def test_help_does_not_wait_for_tensorflow():
    heavy = "tensorflow", "tfx", "apache_beam", "pandas", "pyarrow", "grpc", "numpy"
    code = (
        "import sys\n"
        "from pipeline import cli\n"
        "try: cli.main(['--help'])\n"
        "finally: print('loaded:', [name for name in sys.argv[1:] if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "loaded: []"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "movielense"], f"no configuration file movielense; shipped ones are {SHIPPED}"),
        (["run", "movielens", "--set", "training.epoch=1"], "training.epoch: unknown key; did you mean `epochs`?"),
        (["report", "movielens", "--set", "runs_dir=/nowhere"], "the pipeline movielens has not run yet"),
        (["tensorboard", "movielens", "--set", "runs_dir=/nowhere"], "the pipeline movielens has not run yet"),
        (["serve", "movielens", "--set", "runs_dir=/nowhere"], "/nowhere/movielens/serving/shelfwise"),
        (["serve", "movielens", "--set", "serving.destination=gs://a/b"], "serve it with TensorFlow Serving, or set a"),
        (["rollback", "movielens", "--set", "runs_dir=/nowhere"], "no label of movielens was ever set"),
        (["data", "movielens", "--set", "data.source="], "there is nothing to fetch"),
        (["query", "movielens", "--user", "1", "--set", "data.root=/nowhere"], "/nowhere/events holds no *.parquet"),
    ],
)
def test_a_failure_is_a_message_on_stderr_and_exit_code_1(arguments, message):
    result = _command(*arguments)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fly"], "No such command 'fly'"),
        (["query", "movielens"], "Missing option '--user'"),
        (["run"], "Missing argument 'CONFIG'"),
        (["run", "movielens", "--set", "epochs"], "write KEY=VALUE, such as training.epochs=1"),
        (["run", "movielens", "--set", "training.epochs=[1"], "the value is no valid YAML"),
        (["similar", "movielens", "1", "-k", "0"], "Invalid value for '-k'"),
    ],
)
def test_wrong_usage_is_explained_with_exit_code_2(arguments, message):
    result = _command(*arguments)
    assert result.returncode == 2
    assert message in result.stderr


@pytest.mark.parametrize("question", [["query", "--user", "{user}"], ["search", "space adventure"], ["similar", "1"]])
def test_a_server_that_does_not_run_is_named_with_what_to_check(small_shop, question, silent_port):
    command, *rest = question
    user = _known_user(small_shop)
    result = _command(
        command, *small_shop, *(word.format(user=user) for word in rest), "--address", f"localhost:{silent_port}"
    )
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: localhost:{silent_port} cannot be reached; check the address")
    assert "Traceback" not in result.stderr


def test_an_unknown_user_is_refused_with_some_who_are_known(small_shop):
    result = _command("query", *small_shop, "--user", "nobody")
    assert result.returncode == 1
    assert "no event of user 'nobody'" in result.stderr
    assert _known_user(small_shop) in result.stderr


def test_a_bug_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(cli, "load_config", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["report", "movielens"])


def _known_user(arguments: list[str]) -> str:
    """The first of the users that the message about an unknown one names."""
    return _command("query", *arguments, "--user", "nobody").stderr.split("some users there: ")[1].split(",")[0].strip()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where nobody answers, and which nobody else can take meanwhile."""
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        yield taken.getsockname()[1]
