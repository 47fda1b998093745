"""The section `evaluation`: what the Evaluator measures, and what a model needs to be pushed."""

import typing
from collections.abc import Iterator, Mapping, Sequence

import pydantic
import pydantic_core

from pipeline import config_checks
from pipeline.config_section import Section

if typing.TYPE_CHECKING:
    from components.evaluation.metrics.selection import Selection

# What slices can be cut by beside features: the decile of the shopper by items taken before, and what of a taken item.
ACTIVITY, LABEL_PREFIX, RARITY = "activity", "label_", "rarity"


def slicing(requests: Sequence[str], categories: Sequence[str]) -> list[str]:
    """What slices can be cut by.

    Args:
        requests: declared features of users and of contexts, with the prefix of their role.
        categories: declared categorical features of items.
    """
    of_labels = [f"{LABEL_PREFIX}{name}" for name in (RARITY, *categories)]
    return ["shopper", "scene", ACTIVITY, *dict.fromkeys(of_labels), *requests]


class PolicyValueGate(Section):
    """What a model's lists must be worth, by what shoppers did when the log's own policy showed them the same items.

    The value is the mean reward of a shown item (`requests.funnel.reward`) over all requests. It is estimated, so the
    model is refused only if the whole 95 % interval is beyond the limit, and undecided where the limit lies within.

    Attributes:
        estimator: of `components.evaluation.counterfactual.estimators`.
        floor: least value.
        max_loss: how much less than the last blessed model's it may be, absolute.
        min_effective: fewer impressions that effectively count decide nothing.
    """

    estimator: typing.Literal["ips", "snips", "dr"] = "snips"
    floor: float | None = None
    max_loss: pydantic.NonNegativeFloat | None = None
    min_effective: pydantic.PositiveFloat = 100.0


class Gates(Section):
    """What a model may not miss. Only `floors` and `ceilings` judge a first model, which has no baseline to lose to.

    A change or a gap is refused when it is beyond its limit and the 95 % interval says that it is no chance. Where the
    interval reaches from none to one beyond the limit, the verdict names it as undecided, and it refuses nothing.
    Floors and ceilings hold for the value as it was measured.

    Attributes:
        floors: least values over all requests, by metric. `available_share@10: 1` refuses lists with items that are not
            offered, `rare_share@10` is the least exposure of rare items.
        ceilings: largest values over all requests. A model better than can be is refused, since it has probably been
            trained on what it is judged by.
        max_loss: how much worse than the last blessed model a metric may be over all requests, absolute.
        slice_max_loss: the same within each slice.
        max_gap: by feature that slices are cut by alone, and by metric, how far two of its values may be apart.
        min_slice_requests: slices with fewer requests that count are undecided.
        policy_value: what its lists must be worth; without a `floor` or `max_loss`, nothing.
    """

    floors: dict[str, float] = {}
    ceilings: dict[str, float] = {}
    max_loss: dict[str, pydantic.NonNegativeFloat] = {}
    slice_max_loss: dict[str, pydantic.NonNegativeFloat] = {}
    max_gap: dict[str, dict[str, pydantic.NonNegativeFloat]] = {}
    min_slice_requests: pydantic.PositiveInt = 100
    policy_value: PolicyValueGate = PolicyValueGate()


class Evaluation(Gates):
    """What the Evaluator computes and what it asks of a model before it may be pushed.

    Metrics are named as in `components.evaluation.metrics.names`: `ndcg@10`, or `first_time/ndcg@10` for items that are
    new to the shopper; `purchase/auc` of the head `purchase`; `brand/disparity@10` of the item feature `brand`, if that
    is among those of `exposure`. A slice is a list of what to slice by together: `shopper` (new or returning), `scene`,
    or a declared user or context feature under its role, such as `user_age` or `context_store`; `activity`, the decile
    of the shopper by how many items were taken before; or what was taken, `label_rarity` or a categorical item feature,
    such as `label_department`. These last judge the lists by the taken items of that kind alone.
    """

    cutoffs: list[pydantic.PositiveInt] = pydantic.Field(default=[10, 50, 100], min_length=1)
    slices: list[list[str]] = [["shopper"], ["scene"]]
    resamples: int = pydantic.Field(default=200, ge=100)  # of shoppers; the ends of intervals are their outer fortieths
    category: str | None = None  # the item feature that lists are to be diverse in; None: the first categorical one
    exposure: list[str] = []  # item features, such as brand, whose values are to be shown as shoppers take them
    max_weight: pydantic.PositiveFloat | None = None  # importance weights of logged impressions are clipped to it

    @property
    def gates(self) -> Gates:
        """The part that decides the verdict."""
        return Gates(**self.model_dump(include=set(Gates.model_fields)))

    def selection(self, categories: Sequence[str], heads: Mapping[str, str]) -> "Selection":
        """What is measured of a model that has all signatures.

        Args:
            categories: the declared categorical features of items.
            heads: the loss of each of the ranker's heads.
        """
        from components.evaluation.metrics.heads import Head
        from components.evaluation.metrics.selection import Selection

        return Selection(
            tuple(self.cutoffs),
            has_catalogue=True,
            has_category=bool(categories),
            has_embeddings=True,
            exposure=tuple(self.exposure),
            heads=tuple(Head(*head) for head in heads.items()),
        )

    def check(self, requests: Sequence[str], categories: Sequence[str], heads: Mapping[str, str]) -> None:
        """Refuses names of what there is not.

        Args:
            requests: declared features of users and of contexts, with the prefix of their role.
            categories: the declared categorical features of items.
            heads: the loss of each of the ranker's heads.

        Raises:
            pydantic_core.ValidationError: names all mistakes, each with its key.
        """
        found = [
            pydantic_core.InitErrorDetails(type="value_error", loc=key, input=used, ctx={"error": error})
            for key, used, choices in self._names(slicing(requests, categories), categories, heads)
            if (error := _unknown(used, choices)) is not None
        ]
        if found:
            raise pydantic_core.ValidationError.from_exception_data("evaluation", found)

    def _names(
        self, by: Sequence[str], categories: Sequence[str], heads: Mapping[str, str]
    ) -> Iterator[tuple[tuple[str, ...], list[str], Sequence[str]]]:
        """Each key with the names that stand there and those that may."""
        from components.evaluation.metrics import logged, names  # import numpy, for which no `--help` should wait

        selection, of_log = self.selection(categories, heads), logged.names(self.cutoffs)
        metrics = names.all_names(selection) + of_log
        directed = [name for name in metrics if names.has_direction(name)]
        with_intervals = [name for name in names.ratio_names(selection) if names.has_direction(name)] + of_log
        yield ("slices",), [name for together in self.slices for name in together], by
        yield ("category",), [self.category] if self.category else [], categories
        yield ("exposure",), self.exposure, categories
        for key, choices in (
            ("floors", metrics),
            ("ceilings", metrics),
            ("max_loss", directed),
            ("slice_max_loss", directed),
        ):
            yield (key,), list(getattr(self, key)), choices
        yield ("max_gap",), list(self.max_gap), [together[0] for together in self.slices if len(together) == 1]
        for feature, limits in self.max_gap.items():
            yield ("max_gap", feature), list(limits), with_intervals


def _unknown(used: Sequence[str], choices: Sequence[str]) -> ValueError | None:
    try:
        config_checks.known(used, choices)
    except ValueError as error:
        return error
    return None
