"""The `assay` command: its nouns, and how a refusal becomes one sentence and an exit code."""

from __future__ import annotations

import os
import sys

from cyclopts import App, CycloptsError, Parameter

from assay.cli.help import PlainHelp
from assay.cli.options import closing_connections
from assay.cli.output import complain, note
from assay.cli.usage import sentence_of
from assay.domain.errors import AppError
from assay.sdk.errors import ApiError

EXIT_USAGE = 2
EXIT_REFUSED = 1
EXIT_INTERRUPTED = 130


def _version() -> str:
    from importlib.metadata import version

    return version("assay")


# In the order of the main job. Each noun loads its module when it is called, so that `assay --help`
# and `assay serve` start fast.
NOUNS = {
    "serve": ("assay.cli.serve:serve", "Start the server (no flag needed)."),
    "demo": ("assay.cli.demo:demo", "Run the main job end to end on real input."),
    "login": ("assay.cli.login:login", "Store a credential for a server."),
    "logout": ("assay.cli.login:logout", "Forget the credential for a server."),
    "whoami": ("assay.cli.login:whoami", "Show who the server takes you for."),
    "doctor": ("assay.cli.doctor:doctor", "Check this machine, the server and the credential."),
    "storage": ("assay.cli.storage:storage", "Show what the server keeps and what waits."),
    "experiments": ("assay.cli.experiments:app", "List and manage experiments."),
    "runs": ("assay.cli.runs:app", "List, show, compare and search runs."),
    "metrics": ("assay.cli.metrics:app", "List and print the metrics of a run."),
    "artifacts": ("assay.cli.artifacts:app", "List, download and verify a run's files."),
    "evals": ("assay.cli.evals:app", "Bring eval results of other harnesses along."),
    "collections": (
        "assay.cli.collections:app",
        "Versions of datasets, models and other artifacts.",
    ),
    "winner": ("assay.cli.winner:winner", "Choose the best run of one eval suite."),
    "models": ("assay.cli.models:app", "Register, list, show and download models."),
    "suites": ("assay.cli.suites:app", "List the eval suites."),
    "gates": ("assay.cli.gates:app", "Create and inspect gates."),
    "gate-keys": ("assay.cli.gate_keys:app", "Register and revoke the keys of gate runners."),
    "gate-runner": ("assay.cli.gate_runner:app", "Run queued exams in a sandbox."),
    "promote": ("assay.cli.promote:promote", "Move a protected alias, if the gate allows it."),
    "approve": ("assay.cli.approve:approve", "Agree to a promotion, or list who did."),
    "rollback": ("assay.cli.promote:rollback", "Return to the champion before."),
    "freezes": ("assay.cli.freezes:app", "Hold promotions for a time."),
    "break-glass": ("assay.cli.break_glass:app", "Move a protected alias past its gate."),
    "repro": ("assay.cli.repro:app", "Claim a reproduction, and check runs against it."),
    "provenance": ("assay.cli.provenance:app", "Export and sign what is known of a version."),
    "audit": ("assay.cli.audit:app", "Read and verify the ledger."),
    "import": ("assay.cli.importing:app", "Bring the history of another server along."),
    "sync": ("assay.cli.sync:sync", "Send what offline or killed runs have kept."),
    "tokens": ("assay.cli.tokens:app", "Create, list and revoke tokens."),
    "access": ("assay.cli.access:app", "Add principals, grant and revoke their roles."),
    "workspaces": ("assay.cli.workspaces:app", "List, create and configure workspaces."),
    "completion": (
        "assay.cli.completion:completion",
        "Print what a shell needs to complete commands.",
    ),
}


# Apps that do something when they are called alone: their own page tells of it.
_ALONE = frozenset({"gate-runner"})


def build(argv: list[str]) -> App:
    """The command, with every noun known by name and one line, and none of them loaded."""
    app = App(
        name="assay",
        help=(
            "The record-keeper of post-training: track runs, prove lineage, promote only what beat the "
            "champion in a frozen exam.\n\n"
            "Commands find their server by --url or ASSAY_URL (default http://127.0.0.1:7475) and their "
            "credential by ASSAY_TOKEN or `assay login`. Most take --json. Exit codes: 0 done, 1 refused or "
            "failed, 2 wrong usage."
        ),
        version=_version,
        version_flags=["--version"],
        help_format="plaintext",
        help_formatter=PlainHelp(),
        # `--no-json` and its like are noise: a flag that is not given is off.
        default_parameter=Parameter(negative=()),
    )
    for place, (name, (target, line)) in enumerate(NOUNS.items()):
        # The line is for the list of nouns; a noun's own page is its function's docstring.
        is_plain_app = target.endswith(":app") and name not in _ALONE
        is_listed = is_plain_app or argv[:1] != [name]
        app.command(target, name=name, help=line if is_listed else None, sort_key=place)
    return app


def main(argv: list[str] | None = None) -> None:
    """Run the command and exit: 0 success, 1 refused or failed, 2 wrong usage, 130 interrupted."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: list[str]) -> int:
    """Run the command and answer the exit code."""
    try:
        with closing_connections():
            result = build(argv)(
                argv, exit_on_error=False, print_error=False, result_action="return_value"
            )
        sys.stdout.flush()
    except CycloptsError as error:
        _explain(error)
        return EXIT_USAGE
    except (AppError, ApiError) as error:
        complain(error)
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has seen enough (`assay runs list | head`); what is still buffered
        # must go somewhere when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        note(f"assay: {where}{error.strerror or error}")
        return EXIT_REFUSED
    return result if isinstance(result, int) else 0


def _explain(error: CycloptsError) -> None:
    command = " ".join(("assay", *(error.command_chain or ())))
    note(f"assay: {sentence_of(error)}")
    note(f"See `{command} --help`.")
