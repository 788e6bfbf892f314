"""What the trainers of the demonstration share: which runs are asked for, on what, and what came out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from assay.demo.checkpoint import base_reference, load_base, save_base
from assay.demo.data import Digits, data_version, make_digits, read_domain, write_domain
from assay.demo.sweep import (
    BASE_SEED,
    DATA_SEED,
    PlannedRun,
    RunResult,
    Score,
    first_wave,
    second_wave,
)
from assay.demo.training import BaseModel, pretrain_base

EXPERIMENT = "digits-sweep"

_CLEAN, _SCANNER, _BASE = "clean", "scanner", "base"


@dataclass(frozen=True, slots=True)
class Workshop:
    """Data, base model and the planned runs of one trainer process."""

    plans: tuple[PlannedRun, ...]
    digits: Digits
    base: BaseModel
    data_version: str
    adapters: Path
    results: Path

    @property
    def base_reference(self) -> str:
        """The base model as lineage names it."""
        return base_reference(self.base)

    def adapter_folder(self, planned: PlannedRun) -> Path:
        """Where a run's adapter is written before it is logged."""
        return self.adapters / planned.name


@dataclass(frozen=True, slots=True)
class Materials:
    """What every trainer is given: both domains, the version of what it trains on, the base."""

    digits: Digits
    data_version: str
    base: BaseModel


def write_materials(folder: Path) -> Materials:
    """Make the data and pretrain the base, and write both below `folder`."""
    digits = make_digits(DATA_SEED)
    base = pretrain_base(digits.clean.train, BASE_SEED)
    write_domain(digits.clean, folder / _CLEAN)
    save_base(base, folder / _BASE)
    return Materials(digits, write_domain(digits.scanner, folder / _SCANNER), base)


def read_materials(folder: Path) -> Materials:
    """Read what `write_materials` wrote."""
    digits = Digits(read_domain(folder / _CLEAN), read_domain(folder / _SCANNER))
    return Materials(digits, data_version(folder / _SCANNER), load_base(folder / _BASE))


def open_workshop(arguments: Sequence[str]) -> Workshop:
    """Read the trainer's arguments: `--data`, `--out` and the names of the planned runs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--champion", help="name of the first wave's best run, for the second wave")
    parser.add_argument("runs", nargs="+")
    given = parser.parse_args(arguments)
    plans = {planned.name: planned for planned in first_wave()}
    if given.champion is not None:
        plans |= {planned.name: planned for planned in second_wave(plans[given.champion])}
    materials = read_materials(given.data)
    given.out.mkdir(parents=True, exist_ok=True)
    return Workshop(
        plans=tuple(plans[name] for name in given.runs),
        digits=materials.digits,
        base=materials.base,
        data_version=materials.data_version,
        adapters=given.out / "adapters",
        results=given.out / "results.jsonl",
    )


def keep_result(workshop: Workshop, run_id: str, result: RunResult) -> None:
    """Write down what a run scored, for whoever evaluates the sweep."""
    line = {
        "run_id": run_id,
        "name": result.planned.name,
        "scanner": asdict(result.scanner),
        "clean": asdict(result.clean),
        "weights_digest": result.weights_digest,
    }
    with workshop.results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def read_results(path: Path, plans: Sequence[PlannedRun]) -> dict[str, RunResult]:
    """What `keep_result` wrote, by run id."""
    known = {planned.name: planned for planned in plans}
    results = {}
    for line in path.read_text("utf-8").splitlines():
        kept = json.loads(line)
        results[kept["run_id"]] = RunResult(
            planned=known[kept["name"]],
            scanner=Score(**kept["scanner"]),
            clean=Score(**kept["clean"]),
            weights_digest=kept["weights_digest"],
        )
    return results
