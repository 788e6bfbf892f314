"""The guides, typed in as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.guide_reader import DOCS, GuideReader
from tests.support.server import LiveServer

MARK = "<!-- Every command of this page is run by tests/docs/test_guides.py. -->"
GUIDES = sorted(path.name for path in (DOCS / "guides").glob("*.md") if MARK in path.read_text())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_works_as_it_is_written(name: str, tmp_path: Path) -> None:
    """Its files are saved and its commands run in order, each ending as the page says."""
    with LiveServer(tmp_path / "assay-data") as server:
        environment = {
            "ASSAY_URL": server.url,
            "MLFLOW_TRACKING_URI": server.url,
            "WANDB_API_KEY": "local0" * 7,
            "WANDB_BASE_URL": server.url,
            "WANDB_DIR": str(tmp_path),
            "WANDB_ERROR_REPORTING": "false",
        }
        GuideReader(tmp_path, environment).read((DOCS / "guides" / name).read_text("utf-8"))
