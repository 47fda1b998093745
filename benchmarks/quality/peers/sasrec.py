"""SASRec of RecTools: Kang and McAuley, Self-Attentive Sequential Recommendation (2018)."""

import contextlib
import logging
import sys

import numpy as np
import pandas as pd
import pytorch_lightning
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel

from .answers import Scorer
from .problem import Problem

logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


def sasrec(
    problem: Problem,
    items: int = 10_000,
    length: int = 100,
    sequences: int = 3,
    factors: int = 64,
    blocks: int = 2,
    heads: int = 2,
    dropout: float = 0.2,
    loss: str = "gBCE",
    negatives: int = 32,
    steps: int = 700,
    learning_rate: float = 0.002,
    batch_size: int = 64,
) -> Scorer:
    """Self-attention over each user's newest events, trained to tell each next item.

    Limited so that one core trains it in minutes: it covers the most popular items only, attends to the newest `length`
    events and learns from the newest `sequences` times as many; RecTools alone would learn from `length` of them.

    Args:
        items: how many are covered, the most popular ones; the others are never scored.
        length: events a sequence.
        sequences: training sequences a user, cut out of the history one before the other.
        factors, blocks, heads, dropout: of the transformer.
        loss: softmax over all covered items, or gBCE, gSASRec's (Petrov and Macdonald, 2023), which is faster on many.
        negatives: drawn for each event by gBCE, uniformly from the covered items.
        steps, learning_rate, batch_size: of its training; in steps, since these take equally long on any data set.
    """
    pytorch_lightning.seed_everything(problem.seed, verbose=False)
    events = _events(problem, items)
    model = SASRecModel(
        n_blocks=blocks,
        n_heads=heads,
        n_factors=factors,
        dropout_rate=dropout,
        session_max_len=length,
        loss=loss,
        n_negatives=negatives,
        gbce_t=0.75,
        lr=learning_rate,
        batch_size=batch_size,
        get_trainer_func=_trainer,
        get_trainer_func_kwargs={"steps": steps},
        recommend_torch_device="cpu",
    )
    with contextlib.redirect_stdout(sys.stderr):  # Lightning shows its progress on standard output
        model.fit(Dataset.construct(_in_sequences(events, length, sequences)))
    dataset = Dataset.construct(events)
    known_users = pd.Index(events[Columns.User].unique())

    def score(users: np.ndarray, new_only: bool) -> np.ndarray:
        scores = np.full((len(users), problem.log.shape[1]), -np.inf, np.float32)
        known = known_users.intersection(users)
        if len(known):
            best = model.recommend(known, dataset, problem.list_length, filter_viewed=new_only)
            rows = pd.Index(users).get_indexer(best[Columns.User])
            scores[rows, best[Columns.Item]] = best[Columns.Score]
        return scores

    return score


def _trainer(steps: int) -> pytorch_lightning.Trainer:
    return pytorch_lightning.Trainer(
        max_steps=steps,
        max_epochs=-1,
        accelerator="cpu",
        devices=1,
        deterministic=True,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )


def _events(problem: Problem, items: int) -> pd.DataFrame:
    """The log's events of the most popular items, as RecTools wants them."""
    log = problem.log
    covered = np.zeros(log.shape[1], bool)
    covered[np.argsort(-log.popularity(), kind="stable")[:items]] = True
    kept = covered[log.item]
    return pd.DataFrame(
        {
            Columns.User: log.user[kept],
            Columns.Item: log.item[kept],
            Columns.Weight: 1.0,
            Columns.Datetime: pd.to_datetime(log.timestamp[kept], unit="s"),
        }
    )


def _in_sequences(events: pd.DataFrame, length: int, sequences: int) -> pd.DataFrame:
    """The newest `sequences` times `length` events of each user, every `length` of them under a user of its own."""
    part = events.groupby(Columns.User).cumcount(ascending=False) // length
    stride = events[Columns.User].max() + 1
    return events.assign(**{Columns.User: events[Columns.User] + part * stride})[part < sequences]
