"""A small suite folder to start from."""

import json
from pathlib import Path

SUITE = """
name = "capitals"

[harness]
name = "capitals-exam"
version = "2"

[[tasks]]
split = "test"
metrics = [{ name = "accuracy", direction = "maximize", low = 0, high = 1 }]
few_shot = { count = 0 }
generation = { temperature = 0, max_tokens = 8 }
"""

ITEMS = [
    {"id": "fr", "input": "France", "reference": "Paris"},
    {"id": "it", "input": "Italy", "reference": "Roma"},
    {"id": "at", "input": "Österreich", "reference": "Wien"},
]

SCORER = """
import argparse, json
from pathlib import Path

parser = argparse.ArgumentParser()
for name in ("--items", "--candidate", "--out"):
    parser.add_argument(name, type=Path)
given = parser.parse_args()
answers = json.loads((given.candidate / "answers.json").read_text())
with given.items.open() as items, given.out.open("w") as out:
    for item in map(json.loads, items):
        right = answers.get(item["input"]) == item["reference"]
        row = {"item_id": item["id"], "metrics": {"accuracy": int(right)}}
        out.write(json.dumps(row) + "\\n")
"""


def write_suite(
    root: Path, *, suite: str = SUITE, items: object = None, scorer: str = SCORER
) -> Path:
    """Write a suite folder; `items` may be a list of JSON values or raw text."""
    root.mkdir(parents=True, exist_ok=True)
    lines = ITEMS if items is None else items
    text = "".join(json.dumps(line) + "\n" for line in lines) if isinstance(lines, list) else lines
    (root / "suite.toml").write_text(suite)
    (root / "items.jsonl").write_text(str(text))
    (root / "scorer.py").write_text(scorer)
    return root
