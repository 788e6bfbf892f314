"""How a nested run names the run that it belongs to: by a tag, of which there are two spellings."""

from __future__ import annotations

from typing import Final

PARENT_TAG: Final = "assay.parent_run_id"
"""The tag that is set on a run which is made with a parent."""

MLFLOW_PARENT_TAG: Final = "mlflow.parentRunId"
"""The tag that MLflow's clients set. Where a run has both, to them this one counts."""
