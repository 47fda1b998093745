"""The command line: prints what each log tells of the other policy, what that one earned, and published figures."""

import argparse
import sys

from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.open_bandit import judge, policies, reward_model
from components.evaluation.counterfactual.policy_value import Estimate
from pipeline.data import open_bandit
from pipeline.data.wheels import WheelError

# From random to bts, campaign all, as the authors' library prints them for these logs.
PUBLISHED = {"IPS": 0.004553, "DM": 0.003545, "DR": 0.004727}
PUBLISHED_DRAWS = 100_000
_SEED = 12345  # theirs
_RESAMPLES = 1_000
_WIDTH = 150


def estimates(campaign: open_bandit.Campaign, logged: open_bandit.Policy, resamples: int) -> judge.Judged:
    """What the log of one policy tells of the other one."""
    log = open_bandit.read_log(campaign, logged)
    if logged == "bts":
        judged = policies.uniform(len(log.items), open_bandit.PLACES)
    else:
        judged = policies.thompson(open_bandit.read_prior(campaign), open_bandit.PLACES)
    return judge.estimate(log, judged, reward_model.clicks(log, _SEED), resamples)


def reproduced(resamples: int) -> judge.Judged:
    """From random to bts, campaign all, with the policy simulated as in the published figures."""
    log = open_bandit.read_log("all", "random")
    prior = open_bandit.read_prior("all")
    simulated = policies.simulated_thompson(prior, open_bandit.PLACES, PUBLISHED_DRAWS, _SEED)
    return judge.estimate(log, simulated, reward_model.clicks(log, _SEED), resamples)


def _print_pair(console: Console, campaign: open_bandit.Campaign, logged: open_bandit.Policy, resamples: int) -> None:
    judged_policy = "random" if logged == "bts" else "bts"
    truth = judge.earned(open_bandit.read_log(campaign, judged_policy), resamples)
    found = estimates(campaign, logged, resamples)
    table = Table(title=f"{logged} to {judged_policy}, campaign {campaign}", box=box.SIMPLE_HEAD, title_justify="left")
    for column in ("clicks a round", "value", "95 % interval"):
        table.add_column(column, justify="left" if column == "clicks a round" else "right")
    table.add_row(f"{judged_policy} itself, in its own log", *_cells(truth), end_section=True)
    for name, value in found.estimates.items():
        table.add_row(name, *_cells(value))
    console.print(table)
    console.print(
        f"Effectively {found.effective:,.0f} rounds count. {found.warning and f'Warning: {found.warning}.'}\n"
    )


def _cells(value: Estimate) -> tuple[str, str]:
    interval = f"{value.low:.5f} … {value.high:.5f}" if value.low == value.low else "-"
    return f"{value.value:.5f}", interval


def _print_published(console: Console, resamples: int) -> None:
    ours = reproduced(resamples)
    table = Table(
        title=f"random to bts, campaign all, bts simulated in {PUBLISHED_DRAWS:,} draws as published",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    for column in ("", "here", "published"):
        table.add_column(column, justify="right")
    for name, published in PUBLISHED.items():
        table.add_row(name, f"{ours.estimates[name].value:.6f}", f"{published:.6f}")
    console.print(table)


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status; what a user can mend is a message on stderr."""
    parser = argparse.ArgumentParser("python -m benchmarks.open_bandit", description=__doc__)
    parser.add_argument("--resamples", type=int, default=_RESAMPLES, help="of rounds, which intervals come from")
    options = parser.parse_args(arguments)
    console = Console()
    console = console if console.is_terminal else Console(width=_WIDTH)
    pairs = [(campaign, logged) for campaign in open_bandit.CAMPAIGNS for logged in open_bandit.POLICIES]
    try:
        for campaign, logged in track(pairs, "Estimating", console=Console(stderr=True), transient=True):
            _print_pair(console, campaign, logged, options.resamples)
        _print_published(console, options.resamples)
    except WheelError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
