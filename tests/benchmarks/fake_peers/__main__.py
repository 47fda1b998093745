"""Stands in for the peers: every user gets the items of the parameter `items`; `broken` fails as a library would."""

import argparse
import json
import pathlib
import sys

import pandas as pd

GRIDS = {"fixed": [{"items": ["wine"]}, {"items": ["milk"]}], "broken": [{}]}

parser = argparse.ArgumentParser()
parser.add_argument("--list", action="store_true")
parser.add_argument("method", nargs="?")
parser.add_argument("problem", nargs="?", type=pathlib.Path)
parser.add_argument("answer", nargs="?", type=pathlib.Path)
parser.add_argument("--parameters", type=json.loads)
options = parser.parse_args()
if options.list:
    print(json.dumps(GRIDS))
    sys.exit()
if options.method == "broken":
    sys.exit("out of memory while factorising")
with open(options.answer.parent.parent / "calls.txt", "a") as calls:
    calls.write(f"{json.dumps(options.parameters)} {options.problem.name}\n")
users = pd.read_parquet(options.problem / "queries.parquet")["user_id"]
past = pd.read_parquet(options.problem / "past.parquet")
seen = set(zip(past["user_id"], past["item_id"], strict=True))
rows = [(user, rank, item) for user in users for rank, item in enumerate(options.parameters["items"])]
options.answer.mkdir(parents=True)
for task, kept in {"all": rows, "first_time": [row for row in rows if (row[0], row[2]) not in seen]}.items():
    pd.DataFrame(kept, columns=["user_id", "rank", "item_id"]).to_parquet(options.answer / f"{task}.parquet")
report = {"method": options.method, "library": "none", "parameters": options.parameters}
report |= {"training_seconds": 1.0, "inference_seconds_a_user": 0.001, "peak_memory_mib": 10.0}
(options.answer / "report.json").write_text(json.dumps(report))
