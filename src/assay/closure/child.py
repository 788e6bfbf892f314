"""Asking through somebody else's library in a process of its own, which ends with the answer or is ended.

Run as `python -m assay.closure.child`: one JSON question on standard input, one JSON answer on
standard output. The libraries are optional; without one the answer is `unsupported` and says how to
get it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from assay.closure import process
from assay.domain.closure import Finding, Status

MAX_MEMORY_BYTES: Final = 4 << 30
_SILENT: Final = Finding(Status.UNKNOWN, message="The source did not answer in time.")

_PROBES: Final = {
    "dvc": "dvc_probe",
    "lakefs": "lakefs_probe",
    "s3": "s3_probe",
    "hf": "hf_probe",
}

Probe = Callable[[Mapping[str, Any]], Finding]


def ask(question: Mapping[str, Any], timeout_s: float, secrets: Mapping[str, str]) -> Finding:
    """The answer of a probe. `secrets` become variables of the child and appear nowhere else."""
    with tempfile.TemporaryDirectory(prefix="assay-closure-") as work:
        try:
            done = process.run(
                [sys.executable, "-P", "-m", "assay.closure.child"],
                env=_environment(work, secrets),
                timeout_s=timeout_s,
                stdin=json.dumps({**question, "lifetime_s": timeout_s}).encode(),
                cwd=Path(work),
            )
        except (process.TookTooLong, process.SaidTooMuch):
            return _SILENT
    try:
        answer = json.loads(done.output.splitlines()[-1])
        return Finding(Status(answer["status"]), answer["level"], answer["message"])
    except (IndexError, ValueError, KeyError, TypeError):
        return Finding(
            Status.UNKNOWN, message="The source could not be asked: the probe broke off."
        )


def _environment(work: str, secrets: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": work,
        "TMPDIR": work,
        "XDG_CONFIG_HOME": work,
        "LC_ALL": "C.UTF-8",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": work,
        "DVC_GLOBAL_CONFIG_DIR": work,
        "DVC_SYSTEM_CONFIG_DIR": work,
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "NO_PROXY": "*",
        **secrets,
    }


def _probe(kind: str) -> Probe:
    """The probe of a kind; only the library that is asked loads."""
    module = import_module(f"assay.closure.{_PROBES[kind]}")
    found: Probe = module.look_up
    return found


def main() -> None:
    """Answer one question."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    question = json.load(sys.stdin)
    # Should the server end meanwhile, nobody else would end this process.
    signal.alarm(int(question["lifetime_s"]) + 5)
    try:
        found = _probe(question["kind"])(question)
    except ModuleNotFoundError as fault:
        extra = question["kind"]
        found = Finding(
            Status.UNSUPPORTED,
            message=f"{fault.name} is not installed on the server: pip install 'assay[{extra}]'.",
        )
    except Exception as fault:  # noqa: BLE001 - whatever a library raises, nothing is known then
        found = Finding(
            Status.UNKNOWN, message=f"The source could not be asked ({type(fault).__name__})."
        )
    answer = {"status": found.status.value, "level": found.level, "message": found.message}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
