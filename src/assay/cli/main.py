"""The `assay` command: its nouns, and how a refusal becomes one sentence and an exit code."""

from __future__ import annotations

import sys
from importlib.metadata import version

from cyclopts import App, CycloptsError

from assay.cli.output import complain
from assay.domain.errors import AppError
from assay.sdk.errors import ApiError

EXIT_USAGE = 2
EXIT_REFUSED = 1
EXIT_INTERRUPTED = 130

app = App(
    name="assay",
    help=(
        "The record-keeper of post-training: track runs, prove lineage, promote only what beat the "
        "champion in a frozen exam.\n\n"
        "Commands find their server by --url or ASSAY_URL (default http://127.0.0.1:7475) and their "
        "credential by ASSAY_TOKEN or `assay login`. Most take --json."
    ),
    version=lambda: version("assay"),
    version_flags=["--version"],
)

# Each noun loads its module when it is called, so that `assay --help` and `assay serve` start fast.
_NOUNS = {
    "serve": ("assay.cli.serve:serve", "Start the server (no flag needed)."),
    "demo": ("assay.cli.demo:demo", "Run the main job end to end on real input."),
    "login": ("assay.cli.login:login", "Store a credential for a server."),
    "whoami": ("assay.cli.login:whoami", "Show who the server takes you for."),
    "doctor": ("assay.cli.doctor:doctor", "Check this machine, the server and the credential."),
    "experiments": ("assay.cli.experiments:app", "List and manage experiments."),
    "runs": ("assay.cli.runs:app", "List, show, compare and search runs."),
    "metrics": ("assay.cli.metrics:app", "List and print the metrics of a run."),
    "artifacts": ("assay.cli.artifacts:app", "List, download and verify a run's files."),
    "winner": ("assay.cli.winner:winner", "Choose the best run of one eval suite."),
    "models": ("assay.cli.models:app", "Register, list, show and download models."),
    "suites": ("assay.cli.suites:app", "List the eval suites."),
    "gates": ("assay.cli.gates:app", "Create and inspect gates."),
    "gate-runner": ("assay.cli.gate_runner:gate_runner", "Run queued exams in a sandbox."),
    "promote": ("assay.cli.promote:promote", "Move a protected alias, if the gate allows it."),
    "rollback": ("assay.cli.promote:rollback", "Return to the champion before."),
    "audit": ("assay.cli.audit:app", "Read and verify the ledger."),
    "sync": ("assay.cli.sync:sync", "Send what offline or killed runs have kept."),
    "tokens": ("assay.cli.tokens:app", "Create, list and revoke tokens."),
    "workspaces": ("assay.cli.workspaces:app", "List, create and configure workspaces."),
}
for _name, (_target, _help) in _NOUNS.items():
    app.command(_target, name=_name, help=_help)


def main(argv: list[str] | None = None) -> None:
    """Run the command and exit: 0 success, 1 refused or failed, 2 wrong usage, 130 interrupted."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: list[str]) -> int:
    """Run the command and answer the exit code."""
    try:
        result = app(argv, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        return EXIT_USAGE
    except (AppError, ApiError) as error:
        complain(error)
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has seen enough (`assay runs list | head`).
        sys.stderr.close()
        return 0
    return result if isinstance(result, int) else 0
