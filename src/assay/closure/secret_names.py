"""The variables by which a child process is given the credential of the one source that it asks."""

from __future__ import annotations

from typing import Final

KEY: Final = "ASSAY_PROBE_KEY"
SECRET: Final = "ASSAY_PROBE_SECRET"  # noqa: S105 - the name of a variable
