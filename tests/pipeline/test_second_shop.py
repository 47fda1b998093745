import re

import pytest


@pytest.fixture(scope="module")
def film_club(make_shop):
    """Films instead of groceries, ratings instead of purchases: the same pipeline by another YAML file."""
    return make_shop("film_club.yaml")


def test_another_shop_runs_and_is_served_by_its_configuration_alone(film_club):
    finished = film_club("demo")
    assert finished.code == 0, finished.errors
    assert "100 read, 100 accepted, 0 rejected" in finished.components["UsersGen"]  # data.sample counts users
    (version,) = film_club.versions
    assert f"Serving version {version} on localhost:" in finished.output

    recommended, found, similar = re.split(r"For shopper|For the search|Similar to", finished.output)[1:]
    assert re.search(r"^ \d+, with [\d,]+ events on record", recommended)
    assert found.startswith(' "space adventure" by shopper ')
    for answer in (recommended, found, similar.split("To go on asking")[0]):
        rows = [line for line in answer.splitlines()[1:] if re.match(r" *\d+  ", line)]
        assert len(rows) == 10
    assert re.search(r"shelfwise serve \S+film_club\.yaml --set '?data\.root=", finished.output)
