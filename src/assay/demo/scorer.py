"""Scores one candidate on a suite of digits: reads its files with numpy, writes one row per item.

This file is copied into the suite folder as it is, so it imports nothing of Assay. Run as
`python scorer.py --items items.jsonl --candidate FOLDER --out rows.jsonl`.
"""

from __future__ import annotations

import os

# Set before numpy loads: a sandbox may forbid the threads that its linear algebra would start.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def main() -> int:
    """Score the candidate and return 0, or say on stderr why it cannot be run and return 1."""
    parser = argparse.ArgumentParser(description="Score a digit classifier, item by item.")
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--candidate", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    lines = arguments.items.read_text(encoding="utf-8").splitlines()
    items = [json.loads(line) for line in lines if line]
    try:
        weights, biases = read_candidate(arguments.candidate)
        predictions = predict(weights, biases, [item["input"] for item in items])
    except (OSError, KeyError, ValueError) as problem:
        sys.stderr.write(f"The candidate cannot be scored: {problem}\n")
        return 1
    with arguments.out.open("w", encoding="utf-8") as out:
        for item, prediction in zip(items, predictions, strict=True):
            accuracy = int(prediction == item["reference"])
            row = {"item_id": item["id"], "metrics": {"accuracy": accuracy}}
            out.write(json.dumps(row, separators=(",", ":")) + "\n")
    return 0


def read_candidate(folder: Path) -> tuple[list[Array], list[Array]]:
    """Return the weights, with the adapter merged in, and the biases, layer by layer."""
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    scale = config["lora_alpha"] / config["lora_r"]
    with np.load(folder / "base.npz", allow_pickle=False) as base:
        depth = len(base.files) // 2
        weights = [base[f"weight_{index}"] for index in range(depth)]
        biases = [base[f"bias_{index}"] for index in range(depth)]
    with np.load(folder / "adapter.npz", allow_pickle=False) as adapter:
        for index in config["target_layers"]:
            update = adapter[f"a_{index}"] @ adapter[f"b_{index}"]
            weights[index] = weights[index] + scale * update
    return weights, biases


def predict(weights: list[Array], biases: list[Array], inputs: list[list[int]]) -> list[int]:
    """Return the class of the largest logit for every input; refuse logits that are not finite."""
    values: Array = np.asarray(inputs, dtype=np.float32) / np.float32(255)
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        values = np.maximum(values @ weight + bias, 0)
    logits = values @ weights[-1] + biases[-1]
    if not np.isfinite(logits).all():
        message = "a logit is not finite"
        raise ValueError(message)
    classes: list[int] = logits.argmax(axis=1).tolist()
    return classes


if __name__ == "__main__":
    raise SystemExit(main())
