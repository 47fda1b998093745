"""Which versions of a model are aspired to, and which of those no longer aspired to are given up.

The rules are those of TensorFlow Serving 2.19 (`file_system_storage_path_source.cc`,
`availability_preserving_policy.cc`).
"""

from collections.abc import Iterable

from tensorflow_serving.config import file_system_storage_path_source_pb2

ServableVersionPolicy = file_system_storage_path_source_pb2.FileSystemStoragePathSourceConfig.ServableVersionPolicy


def aspired(policy: ServableVersionPolicy, existing: Iterable[int]) -> set[int]:
    """The versions that should be served, of those that exist; the latest one if the policy names no choice."""
    match policy.WhichOneof("policy_choice"):
        case "all":
            return set(existing)
        case "specific":
            return set(existing) & set(policy.specific.versions)
        case _:
            return set(sorted(existing)[-max(policy.latest.num_versions, 1) :])


def given_up(loaded: Iterable[int], aspired_to: set[int]) -> list[int]:
    """The loaded versions to unload, lowest first.

    While none of the aspired ones is loaded yet, the newest of the others stays, so that something answers.
    """
    loaded = set(loaded)
    others = sorted(loaded - aspired_to)
    replaced = not aspired_to or loaded & aspired_to
    return others if replaced else others[:-1]
