import pathlib

import pytest


@pytest.fixture(scope="session")
def wheel_cache():
    """The developer's own cache, so that a test run downloads each wheel at most once."""
    return pathlib.Path(__file__).parents[3] / ".cache" / "wheels"
