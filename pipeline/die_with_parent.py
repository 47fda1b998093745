"""Becomes another program that ends when its parent does, kill -9 of the parent included.

    python pipeline/die_with_parent.py PARENT_PID COMMAND...

A file of its own that imports next to nothing: it runs before every child, in place of code between fork and exec,
which is not safe in a process with threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def command(*words: str) -> list[str]:
    """The command line under which a program started by this process does not outlive it. Linux only."""
    return [sys.executable, os.path.abspath(__file__), str(os.getpid()), *words]


def main() -> None:
    """Asks the kernel for the signal, which exec keeps, and becomes the command."""
    parent, *words = sys.argv[1:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):  # it ended before the kernel was asked
        sys.exit(1)
    os.execvp(words[0], words)


if __name__ == "__main__":
    main()
