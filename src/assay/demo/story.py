"""The main job from beginning to end: `assay demo` tells it, and everything in it is real.

A server process, its database, the unmodified mlflow client, the SDK, a gate runner with its own
credential, and the commands that a stranger would type. Every claim is checked; one that does not
hold ends the story.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assay.demo.acts import contest, proof, selection, tracking
from assay.demo.backstage import Backstage, interruptible
from assay.demo.cast import MODEL, Cast
from assay.demo.narration import Narrator
from assay.demo.stage import DEFAULT_PORT, Folders, Stage, environment
from assay.demo.workshop import EXPERIMENT
from assay.domain.errors import FailedPrecondition, InvalidArgument
from assay.runner.sandbox import SandboxUnavailable, open_sandbox

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the story is told with.

    `data` None takes a temporary folder, which is removed when all is well; `port` None takes 7475,
    or any when that is taken; with `stays` the server stays up afterwards until Ctrl-C.
    """

    data: Path | None = None
    port: int | None = None
    stays: bool = False
    unsandboxed: bool = False


def tell(wishes: Wishes, console: Console) -> None:
    """Tell the whole story. Raises an AppError when something that it claims does not hold.

    No process is left behind, however it ends; KeyboardInterrupt passes through.
    """
    _check_sandbox(unsandboxed=wishes.unsandboxed)
    with interruptible(), _folder(wishes.data, console) as root:
        folders = Folders(root)
        narrator = Narrator(console)
        with Backstage(folders.logs, environment(folders, _columns(console))) as backstage:
            stage = Stage(narrator, backstage, folders, unsandboxed=wishes.unsandboxed)
            cast = _play(stage, wishes.port)
            _close(stage, cast)
            if wishes.stays:
                _stay(stage)


def _play(stage: Stage, port: int | None) -> Cast:
    narrator = stage.narrator
    narrator.open("Prepare: scanned digits, a base model, a server")
    narrator.command(f"cd {stage.folders.root}")
    cast = tracking.prepare(stage)
    stage.start_server(port)
    narrator.open("Track: one sweep, recorded through two clients at once")
    tracking.train_first_wave(stage, cast)
    narrator.open("Select: no ranking across suites")
    selection.evaluate(stage, cast)
    selection.choose(stage, cast)
    narrator.open("Register: lineage or nothing")
    selection.register(stage, cast, cast.champion, claimed=cast.champion.accuracy)
    selection.refuse_unknown_data(stage, cast)
    narrator.open("Gate: no promotion without an exam")
    contest.make_gate(stage, cast)
    contest.promote_first(stage, cast)
    narrator.open("Challenge: a boast, a tie, and a better model")
    contest.train_challengers(stage, cast)
    contest.register_twin(stage, cast)
    contest.hold_the_boaster(stage, cast)
    contest.hold_the_tie(stage, cast)
    contest.promote_the_better(stage, cast)
    narrator.open("Serve and roll back: one step, recorded")
    proof.roll_back(stage, cast)
    proof.download(stage)
    narrator.open("Prove it: the ledger, and a byte changed by hand")
    proof.audit(stage)
    proof.audit_after_tampering(stage)
    narrator.close()
    return cast


def _close(stage: Stage, cast: Cast) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - loaded at the end of the story
    from rich.table import Table  # noqa: PLC0415 - the same

    narrator = stage.narrator
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title_justify="left")
    for name in ("version", "run", "recorded by"):
        table.add_column(name)
    for name in ("claimed", "gate"):
        table.add_column(name, justify="right")
    table.add_column("what happened")
    for story in cast.versions.values():
        gate = "-" if story.exact_score is None else f"{float(story.exact_score):.3f}"
        table.add_row(
            *(str(story.version), story.run.name, story.run.client, f"{story.claimed:.3f}", gate),
            ", ".join(story.fates),
        )
    flattered = cast.flattered
    score = f"{float(flattered.result.clean.value):.3f}"
    table.add_row("-", flattered.name, flattered.client, score, "-", "not ranked: an easier suite")
    table.add_row("-", "forgot-the-data", tracking.MLFLOW, "-", "-", "not registered: no data")
    narrator.console.print()
    narrator.console.print(table)
    phases = narrator.phases
    parts = [f"{phase.title.partition(':')[0].lower()} {phase.seconds:.1f} s" for phase in phases]
    narrator.say(", ".join(parts))
    total = sum(phase.seconds for phase in phases)
    narrator.say(f"{narrator.claims_held} claims checked, all of them hold ({total:.0f} s).")
    narrator.say(f"Server: {stage.url}")


def _stay(stage: Stage) -> None:
    narrator = stage.narrator
    narrator.say("It stays up, with its gate runner, until Ctrl-C. In another terminal:")
    if stage.url.rpartition(":")[2] != str(DEFAULT_PORT):
        narrator.command(f"export ASSAY_URL={stage.url}")
    narrator.command(f"assay models show {MODEL}")
    narrator.command(f"assay runs list --experiment {EXPERIMENT}")
    try:
        stage.wait_for_server()
    except KeyboardInterrupt:
        narrator.say("Stopping.")
        return
    raise FailedPrecondition(f"The server has ended. Its log is {stage.folders.logs}.")


def _check_sandbox(*, unsandboxed: bool) -> None:
    """Refuse before anything is trained: the exam at the end would be refused anyway."""
    try:
        open_sandbox(unsandboxed=unsandboxed)
    except SandboxUnavailable as fault:
        message = f"{fault.message} For the demonstration: assay demo --unsandboxed."
        raise SandboxUnavailable(message) from None


def _columns(console: Console) -> int:
    """How wide commands may print, since what they say is indented; without a terminal, wide enough."""
    return max(100, console.width - 2) if console.is_terminal else 120


@contextmanager
def _folder(wanted: Path | None, console: Console) -> Iterator[Path]:
    """The folder that was asked for, which stays, or a temporary one, which goes unless all failed."""
    if wanted is not None:
        root = wanted.expanduser().absolute()
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"Cannot make the folder {root}: {error.strerror}."
            raise InvalidArgument(message, field="data") from None
        if any(root.iterdir()):
            raise InvalidArgument(
                f"{root} is not empty; the demonstration wants a folder of its own.", field="data"
            )
        yield root
        return
    root = Path(tempfile.mkdtemp(prefix="assay-demo-")).resolve()
    try:
        yield root
    except Exception:
        console.print(f"What it wrote is kept in {root}", markup=False, soft_wrap=True)
        raise
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    shutil.rmtree(root, ignore_errors=True)
