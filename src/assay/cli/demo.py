"""`assay demo`."""

from __future__ import annotations

import io
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.cli.output import console
from assay.domain.errors import FailedPrecondition, InvalidArgument

_NEEDED = ("mlflow", "numpy", "sklearn", "sqlalchemy", "starlette", "threadpoolctl", "uvicorn")


def demo(
    *,
    data: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    port: int | None = None,
    keep: Annotated[bool | None, Parameter(negative="--no-keep")] = None,
    unsandboxed: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Run the main job end to end on real input, and check everything that it shows.

    A LoRA sweep on scanned digits is trained, recorded through mlflow and the SDK, compared,
    registered, examined by a gate runner, promoted, challenged, rolled back and audited. Ends with
    exit code 1 when anything does not hold. Needs git, and pip install 'assay[demo]'.

    Args:
        data: A folder that is empty or missing, which stays. Default: a temporary one, which is
            removed at the end, unless something failed.
        port: Port of the server; 0 takes a free one. Default: 7475, or a free one if it is taken.
        keep: Leave the server up afterwards, until Ctrl-C. Default: on a terminal.
        unsandboxed: Let the gate runner execute the scorer without a sandbox.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        msg = f"The demonstration needs {', '.join(missing)}: pip install 'assay[demo]'."
        raise FailedPrecondition(msg)
    if port is not None and not 0 <= port <= 65535:
        raise InvalidArgument(f"--port is a number from 0 to 65535, not {port}.", field="port")
    from assay.demo.story import Wishes, tell

    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a character gets a question mark, not an error.
        sys.stdout.reconfigure(errors="replace")
    stays = sys.stdout.isatty() if keep is None else keep
    tell(Wishes(data=data, port=port, stays=stays, unsandboxed=unsandboxed), console())
