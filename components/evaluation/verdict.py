"""The verdict on a candidate: every gate that it was held against, and what came of it."""

import os
from typing import Annotated, Literal

import pydantic
from tfx.dsl.io import fileio

from components.evaluation.slices import Slice

FILE = "verdict.json"  # in the folder of the ModelEvaluation

Known = Annotated[float | None, pydantic.BeforeValidator(lambda value: None if value != value else value)]  # no NaN


class Check(pydantic.BaseModel):
    """One gate held against one metric of one slice.

    Attributes:
        gate: the key of the section `evaluation`, or `requests` for there being a request to judge by at all.
        metric: such as `ndcg@10`.
        slice: where; empty for all requests, and of value `*` for a feature that leaves no two slices to compare.
        outcome: `undecided` neither blesses nor refuses, and `reason` says why nothing could be decided.
        value: the candidate's; None where no request counts.
        threshold: as configured.
        reference: what the value is compared with: the baseline's in the same slice, or the candidate's in the slice
            `versus`.
        versus: of `max_gap`, the slice that is better off.
        change: `value - reference`.
        low: lower end of the 95 % interval of the change or, where nothing is compared, of the value.
        high: its upper end.
        requests: how many requests of the slice count.
    """

    model_config = pydantic.ConfigDict(frozen=True, allow_inf_nan=False)

    gate: Literal[
        *("requests", "floors", "ceilings", "max_loss", "slice_max_loss", "max_gap"),
        *("policy_value.floor", "policy_value.max_loss"),
    ]
    metric: str
    slice: Slice
    outcome: Literal["passed", "refused", "undecided"]
    reason: Literal[
        *("", "no_value", "no_reference", "too_few_requests", "no_interval", "wide_interval", "one_group"),
        *("no_propensities", "too_few_effective", "about_the_limit"),
    ] = ""
    value: Known = None
    threshold: float
    reference: Known = None
    versus: Slice | None = None
    change: Known = None
    low: Known = None
    high: Known = None
    requests: int


class Verdict(pydantic.BaseModel):
    """All checks of a candidate, in the order of the gates."""

    checks: list[Check]

    @property
    def blessed(self) -> bool:
        """Whether nothing was refused."""
        return not self.refusals

    @property
    def refusals(self) -> list[Check]:
        """What the candidate missed."""
        return [check for check in self.checks if check.outcome == "refused"]

    @property
    def undecided(self) -> list[Check]:
        """What the requests were too few, or too different, to tell."""
        return [check for check in self.checks if check.outcome == "undecided"]


def save(verdict: Verdict, evaluation_uri: str) -> None:
    """Writes the verdict into the folder of an evaluation, which may be in a bucket."""
    with fileio.open(os.path.join(evaluation_uri, FILE), "w") as file:
        file.write(verdict.model_dump_json(indent=2) + "\n")


def load(evaluation_uri: str) -> Verdict:
    """Reads the verdict of an evaluation.

    Raises:
        FileNotFoundError: the folder holds none.
    """
    path = os.path.join(evaluation_uri, FILE)
    if not fileio.exists(path):
        raise FileNotFoundError(
            f"{evaluation_uri} holds no finished evaluation; give the folder that the Evaluator wrote, or run it again"
        )
    with fileio.open(path) as file:
        return Verdict.model_validate_json(file.read())
