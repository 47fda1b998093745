"""Checks of configured values beyond their types; each raises ValueError, which becomes the message at a key."""

from collections.abc import Iterable

import pydantic

from schemas.statistics import STATISTICS

# Names that features and outputs of the pipeline itself have once the prefix of a role is put before them.
_RESERVED = {
    "user": ("id",),
    "item": ("id", "available", *STATISTICS),
    "context": (),
    "head": (
        "score",
        "items",
        "item_ids",
        *STATISTICS,
        "sampling_log_odds",
        "first_time",
        "joint",
        "retrieval",
        "ranking",
    ),
}


def not_reserved(role: str, name: str) -> None:
    """Refuses a name under which the pipeline keeps something else; `role` is that of a feature, or `head`."""
    if name in _RESERVED[role]:
        raise ValueError(f"the pipeline itself uses the name '{name}'; choose another one")


def unique(names: Iterable[str]) -> None:
    """Refuses a name that comes twice."""
    names = list(names)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"declared twice: {', '.join(repeated)}")


def known(names: Iterable[str], choices: Iterable[str]) -> None:
    """Refuses a name that is none of the choices."""
    choices = list(choices)
    if unknown := sorted(set(names) - set(choices)):
        raise ValueError(f"there is no {', '.join(unknown)}; choose from {', '.join(choices)}")


def basket_or_days(value: object, handler: pydantic.ValidatorFunctionWrapHandler) -> object:
    """Gives one message for `every`, where pydantic has one for each type that it may be of."""
    try:
        return handler(value)
    except pydantic.ValidationError:
        raise ValueError(f"must be `basket` or a number of days, at least 1, not {value!r}") from None
