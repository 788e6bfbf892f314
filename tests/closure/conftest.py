"""Repositories with data, made once and copied for each test."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.closure.places import DvcPlace, make_dvc_place


@pytest.fixture(scope="session")
def dvc_template(tmp_path_factory: pytest.TempPathFactory) -> DvcPlace:
    """A repository with DVC data."""
    return make_dvc_place(tmp_path_factory.mktemp("dvc-template"))


@pytest.fixture
def dvc_place(tmp_path: Path, dvc_template: DvcPlace) -> DvcPlace:
    """A copy of it that the test may damage."""
    folder = tmp_path / "place"
    shutil.copytree(dvc_template.repository.parent, folder, symlinks=True)
    return replace(dvc_template, repository=folder / "repository", remote=folder / "remote")
