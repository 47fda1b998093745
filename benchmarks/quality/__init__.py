"""Quality of the pushed model's `recommend` signature beside methods of others: one protocol, one judge, one run.

    python -m benchmarks.quality complete_journey movielens_100k

A dataset is cut into two problems: the reported one, and an earlier one on which the others' parameters are chosen. A
problem is a moment, the log before it, and whom to recommend to; what turns out relevant never leaves this side. The
methods of others (the peers) run in an environment of their own and see a problem's files only. The whole catalogue is
ranked; no negatives are sampled.
"""

import pathlib

FOLDER = pathlib.Path(".cache/quality")  # what one run keeps for the next: tuned peers, tables, earlier models
