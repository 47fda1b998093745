import logging
import os
import pathlib
import subprocess
import sys

import pytest

from pipeline import run_log


def test_what_libraries_say_goes_to_the_file_and_what_a_person_reads_to_the_terminal(tmp_path):
    program = """
import logging, os, pathlib, subprocess, sys
from pipeline import run_log
with run_log.diverted(pathlib.Path("run.log")) as terminal:
    print("from Python")
    os.write(1, b"from C++\\n")
    subprocess.run([sys.executable, "-c", "print('from a subprocess')"])
    print("on stderr", file=sys.stderr)
    logging.getLogger("beam").info("from a logger")
    terminal.write("for a person\\n")
print("after")
"""
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path(run_log.__file__).parent.parent)}
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout == "for a person\nafter\n"
    assert said.stderr == ""
    kept = (tmp_path / "run.log").read_text()
    for text in ("from Python", "from C++", "from a subprocess", "on stderr", "I beam: from a logger"):
        assert text in kept


def test_an_error_and_an_interrupt_leave_everything_as_it_was(tmp_path, capfd):
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), run_log.diverted(tmp_path / "run.log"):
            raise error
    print("seen again")
    assert capfd.readouterr().out == "seen again\n"
    assert (logging.getLogger().handlers, logging.getLogger().level) == (handlers, level)
