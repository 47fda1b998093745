"""Slices of an evaluation and what was measured of each."""

import dataclasses
import functools
import math

from components.evaluation.metrics import names

Slice = tuple[tuple[str, str], ...]


def slice_name(key: Slice) -> str:
    """A slice as text, such as `shopper=new` or `overall`."""
    return ", ".join(f"{feature}={value}" for feature, value in key) or "overall"


@dataclasses.dataclass(frozen=True)
class SliceMetrics:
    """Values of one slice by name, as `components.evaluation.metrics.names` says; NaN where no request counts."""

    slice: Slice  # (feature, value) pairs; empty for all requests
    candidate: dict[str, float]
    baseline: dict[str, float]  # empty without a baseline

    def measured(self, name: str) -> names.Measured:
        """A metric of the candidate, with its intervals; all NaN if it was not measured."""
        return self._grouped.get(name, names.Measured(math.nan))

    @functools.cached_property
    def _grouped(self) -> dict[str, names.Measured]:
        return names.group(self.candidate)
