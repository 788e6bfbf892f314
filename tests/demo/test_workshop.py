"""What trainers are given: the same data and base from disk, and results that survive the process."""

from pathlib import Path

import numpy as np
import pytest

from assay.demo.checkpoint import base_reference
from assay.demo.data import SPLITS, Digits
from assay.demo.sweep import RunResult, Score, first_wave, second_wave
from assay.demo.training import BaseModel
from assay.demo.workshop import (
    Materials,
    keep_result,
    open_workshop,
    read_materials,
    read_results,
    write_materials,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Materials on disk."""
    return tmp_path_factory.mktemp("materials")


@pytest.fixture(scope="module")
def materials(folder: Path) -> Materials:
    """The same as they were made."""
    return write_materials(folder)


def test_a_trainer_reads_what_was_written(
    folder: Path, materials: Materials, digits: Digits, base: BaseModel
) -> None:
    """Both domains, the base and the version of the data are what the seeds say."""
    read = read_materials(folder)

    assert read.data_version == materials.data_version
    assert base_reference(read.base) == base_reference(base)
    for domain in ("clean", "scanner"):
        for split in SPLITS:
            ours = getattr(getattr(read.digits, domain), split)
            theirs = getattr(getattr(digits, domain), split)
            assert np.array_equal(ours.pixels, theirs.pixels)
            assert np.array_equal(ours.labels, theirs.labels)


def test_a_workshop_plans_the_named_runs_in_their_order(
    folder: Path, materials: Materials, tmp_path: Path
) -> None:
    """Challengers are known once the champion is named; the champion itself may be trained again."""
    champion = first_wave()[3]
    names = [second_wave(champion)[1].name, champion.name]
    arguments = ["--data", str(folder), "--out", str(tmp_path), "--champion", champion.name]

    workshop = open_workshop([*arguments, *names])

    assert [planned.name for planned in workshop.plans] == names
    assert workshop.data_version == materials.data_version


def test_kept_results_come_back_by_run(folder: Path, materials: Materials, tmp_path: Path) -> None:
    """What a trainer counted is read exactly."""
    planned = first_wave()[0]
    workshop = open_workshop(["--data", str(folder), "--out", str(tmp_path), planned.name])
    result = RunResult(planned, Score(7, 30), Score(9, 30), "d" * 64)

    keep_result(workshop, "a" * 32, result)

    assert read_results(workshop.results, first_wave()) == {"a" * 32: result}
