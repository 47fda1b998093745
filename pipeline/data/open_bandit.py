"""The small Open Bandit logs by ZOZO: what a fashion shop showed to whom, by which policy, and whether it was clicked.

Saito, Aihara, Matsutani and Narita, "Open bandit dataset and pipeline", NeurIPS 2021. They are read from the wheel of
the authors' library, 10,000 rounds for each of three campaigns and two policies, `random` and `bts`, a Bernoulli
Thompson sampling whose production prior the wheel carries as well. A round is one of three places that a page has.
"""

import io
import pathlib
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import yaml

from pipeline.data import wheels

CAMPAIGNS = ("all", "men", "women")
POLICIES = ("random", "bts")
PLACES = 3

Campaign = Literal["all", "men", "women"]
Policy = Literal["random", "bts"]


class Log(NamedTuple):
    """Rounds by time.

    Attributes:
        action: the item shown, from 0, int64 [num_rounds].
        place: where, from 0, int64 [num_rounds].
        click: 1 if it was clicked, else 0, float64 [num_rounds].
        propensity: how likely the policy was to show the item there, float64 [num_rounds].
        users: whether each value but the first of each of four hashed features is the shopper's, float64
            [num_rounds, values].
        items: a number and three hashed categories, numbered, of each item, float64 [num_items, 4].
    """

    action: np.ndarray
    place: np.ndarray
    click: np.ndarray
    propensity: np.ndarray
    users: np.ndarray
    items: np.ndarray


class Prior(NamedTuple):
    """The Beta distributions that `bts` drew its items by, float64 [num_items] each."""

    alpha: np.ndarray
    beta: np.ndarray


def read_log(campaign: Campaign, policy: Policy, cache_dir: pathlib.Path | None = None) -> Log:
    """Reads a log.

    Raises:
        wheels.WheelError: the wheel cannot be had.
    """
    folder = f"obp/dataset/obd/{policy}/{campaign}"
    rounds = _table(f"{folder}/{campaign}.csv", cache_dir).sort_values("timestamp", kind="stable")
    items = _table(f"{folder}/item_context.csv", cache_dir).sort_values("item_id")
    categories = [items[f"item_feature_{number}"].astype("category").cat.codes for number in (1, 2, 3)]
    return Log(
        action=rounds["item_id"].to_numpy(np.int64),
        place=rounds["position"].to_numpy(np.int64) - 1,
        click=rounds["click"].to_numpy(np.float64),
        propensity=rounds["propensity_score"].to_numpy(np.float64),
        users=pd.get_dummies(rounds.filter(like="user_feature"), drop_first=True).to_numpy(np.float64),
        items=np.column_stack([*categories, items["item_feature_0"]]).astype(np.float64),
    )


def read_prior(campaign: Campaign, cache_dir: pathlib.Path | None = None) -> Prior:
    """Reads what `bts` believed of the items of a campaign when it began.

    Raises:
        wheels.WheelError: the wheel cannot be had.
    """
    prior = yaml.safe_load(_member("obp/policy/conf/prior_bts.yaml", cache_dir))[campaign]
    return Prior(np.array(prior["alpha"], np.float64), np.array(prior["beta"], np.float64))


def _table(member: str, cache_dir: pathlib.Path | None) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(_member(member, cache_dir)), index_col=0)


def _member(name: str, cache_dir: pathlib.Path | None) -> bytes:
    return wheels.read(wheels.fetch(wheels.OPEN_BANDIT, cache_dir), name)
