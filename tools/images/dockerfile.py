"""Reads the few instructions of a Dockerfile that Shelfwise's images use."""

import pathlib
import re
import shlex
from typing import NamedTuple


class Instruction(NamedTuple):
    """One instruction: its keyword, and what follows it, lines joined."""

    keyword: str
    rest: str


class Stage(NamedTuple):
    """What one FROM begins: its base, its name if it has one, and the instructions after it."""

    base: str
    name: str | None
    instructions: list[Instruction]


def parse(path: pathlib.Path) -> list[Stage]:
    """The stages of a Dockerfile, with the defaults of its ARGs in place.

    Raises:
        ValueError: an instruction that this reader does not know.
    """
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for keyword, rest in _instructions(path.read_text()):
        rest = re.sub(r"\$\{(\w+)\}", lambda found: arguments.get(found[1], found[0]), rest)
        match keyword:
            case "ARG":
                name, _, default = rest.partition("=")
                arguments[name] = default
            case "FROM":
                base, *named = rest.split()
                stages.append(Stage(base, named[1] if named else None, []))
            case "RUN" | "COPY" | "ENV" | "WORKDIR" | "USER" | "ENTRYPOINT":
                stages[-1].instructions.append(Instruction(keyword, rest))
            case _:
                raise ValueError(f"{path}: {keyword} is not known here")
    return stages


def environment(rest: str, before: dict[str, str]) -> dict[str, str]:
    """The variables of an ENV instruction, those before it put in where they are named."""
    pairs = (word.partition("=") for word in shlex.split(rest))
    return {name: re.sub(r"\$(\w+)", lambda found: before[found[1]], value) for name, _, value in pairs}


def _instructions(text: str) -> list[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines()]
