"""Which versions are aspired to and which are given up; expectations worked out by hand from the rules."""

import pytest
from google.protobuf import text_format

from serving import version_policy


@pytest.mark.parametrize(
    ("policy", "existing", "expected"),
    [
        ("", [3, 1, 2], {3}),
        ("latest {}", [3, 1, 2], {3}),
        ("latest { num_versions: 2 }", [10, 9, 2], {10, 9}),
        ("latest { num_versions: 5 }", [1, 2], {1, 2}),
        ("latest { num_versions: 2 }", [], set()),
        ("all {}", [3, 1, 2], {1, 2, 3}),
        ("specific { versions: 1 versions: 4 }", [1, 2, 3], {1}),
        ("specific {}", [1, 2], set()),
    ],
)
def test_the_policy_chooses_among_the_versions_that_exist(policy, existing, expected):
    parsed = text_format.Parse(policy, version_policy.ServableVersionPolicy())
    assert version_policy.aspired(parsed, existing) == expected


@pytest.mark.parametrize(
    ("loaded", "aspired", "expected"),
    [
        ([1], {2}, []),  # 2 is not loaded yet, so 1 has to answer
        ([1, 2], {3}, [1]),  # the newest one is enough for that
        ([1, 2], {2}, [1]),
        ([1, 2, 3], {2}, [1, 3]),
        ([1, 2], set(), [1, 2]),
        ([1, 2], {1, 2}, []),
        ([], {1}, []),
    ],
)
def test_a_version_is_given_up_once_something_aspired_answers(loaded, aspired, expected):
    assert version_policy.given_up(loaded, aspired) == expected
