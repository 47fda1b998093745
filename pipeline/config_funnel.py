"""The section `requests.funnel`: which events are steps on the way from what is shown to what is bought."""

from typing import Literal

from pipeline.config_section import Section


class Funnel(Section):
    """Kinds of event by what they mean to the business; kinds that the log lacks leave out what needs them.

    Attributes:
        impressions: an item was shown. Those with a `propensity` tell what other lists would have earned; the
            impressions that a shopper has in one second of a session are one list.
        clicks: an item was chosen from those that were shown.
        conversions: an item was paid for; the `value` of these events is revenue.
        reward: what an impression should lead to, in the same session, for a list to be worth something.
    """

    impressions: list[str] = ["impression"]
    clicks: list[str] = ["click"]
    conversions: list[str] = ["purchase"]
    reward: Literal["clicks", "conversions"] = "clicks"

    @property
    def rewards(self) -> list[str]:
        """Kinds of event that reward an impression."""
        return self.clicks if self.reward == "clicks" else self.conversions
