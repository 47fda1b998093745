"""Week by week: what training that goes on is worth beside training anew and beside never training again."""

import pathlib

CONFIG = "complete_journey_weekly"
FOLDER = pathlib.Path(".cache/continuous")
METRICS = ("ndcg@10", "recall@50", "first_time/ndcg@10", "first_time/recall@50")
ARMS = ("warm", "cold", "frozen")
