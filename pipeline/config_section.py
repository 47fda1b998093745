"""What all sections of a configuration have in common."""

from typing import Annotated

import pydantic

Share = Annotated[float, pydantic.Field(ge=0.0, le=1.0)]


class Section(pydantic.BaseModel):
    """A mapping of keys that refuses those it does not know, and that never changes once it is read."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def known_keys(section: type[Section] = Section) -> set[str]:
    """The keys of a kind of section and of all kinds derived from it; of every section by default."""
    return set(section.model_fields).union(*(known_keys(derived) for derived in section.__subclasses__()))
