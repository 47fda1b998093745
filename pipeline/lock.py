"""One process at a time: a lock that goes with its holder, however that ends."""

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Iterator


class Busy(RuntimeError):
    """Another process holds the lock; the message names it."""


@contextlib.contextmanager
def held(path: pathlib.Path, what: str) -> Iterator[None]:
    """Holds a lock while its context is entered; the kernel lets go of it when the process dies, kill -9 included.

    Args:
        path: the lock's file, which stays; it tells who holds the lock.
        what: what the holder does, for the message, such as `a run of grocer`.

    Raises:
        Busy: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Busy(
                f"{what} is under way already, by process {file.read().strip() or 'of unknown number'}; wait for it, "
                f"or end it. The lock is {path}"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
