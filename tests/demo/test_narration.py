"""What the narrator promises: a claim that does not hold ends the story, whatever is being shown."""

import io

import pytest
from rich.console import Console

from assay.demo.narration import ClaimFailed, Narrator
from assay.domain.errors import AppError


@pytest.fixture
def printed() -> io.StringIO:
    """What the narrator has printed."""
    return io.StringIO()


@pytest.fixture
def narrator(printed: io.StringIO) -> Narrator:
    """A narrator without a terminal."""
    return Narrator(Console(file=printed, width=80, color_system=None))


def test_a_claim_that_does_not_hold_ends_the_story(
    narrator: Narrator, printed: io.StringIO
) -> None:
    """It is an error of the one tree, names the claim and what was seen, and prints no tick."""
    with pytest.raises(ClaimFailed, match=r"two is three.*What was seen: 2") as failed:
        narrator.claim("two is three", holds=False, seen=2)

    assert isinstance(failed.value, AppError)
    assert printed.getvalue() == ""
    assert narrator.claims_held == 0


def test_claims_that_hold_are_printed_and_counted(narrator: Narrator, printed: io.StringIO) -> None:
    """The closing line says how many claims were checked."""
    narrator.claim("one is one", holds=True)
    narrator.claim("two is two", holds=True, seen="not shown")

    assert printed.getvalue().splitlines() == ["  ✓ one is one", "  ✓ two is two"]
    assert narrator.claims_held == 2


def test_a_terminal_without_unicode_gets_a_plain_tick() -> None:
    """A claim that holds must not end in a question mark."""
    bytes_printed = io.BytesIO()
    with io.TextIOWrapper(bytes_printed, encoding="ascii", errors="replace") as ascii_only:
        narrator = Narrator(Console(file=ascii_only, width=80, color_system=None))
        narrator.claim("one is one", holds=True)
        ascii_only.flush()
        assert bytes_printed.getvalue() == b"  ok: one is one\n"


def test_what_a_command_printed_cannot_style_the_terminal(
    narrator: Narrator, printed: io.StringIO
) -> None:
    """Markup in foreign output is text."""
    narrator.shown("[bold]name[/bold]\n\n[/nothing]")

    assert printed.getvalue().splitlines() == ["  [bold]name[/bold]", "  [/nothing]"]


def test_long_output_is_cut_and_says_so(narrator: Narrator, printed: io.StringIO) -> None:
    """The story stays readable, and nobody believes that they saw everything."""
    narrator.shown("\n".join(f"line {number}" for number in range(40)))

    lines = printed.getvalue().splitlines()
    assert lines[0] == "  line 0"
    assert lines[-1] == f"  … and {40 - (len(lines) - 1)} more lines"


def test_phases_end_when_the_next_one_begins(narrator: Narrator) -> None:
    """Every phase is told with the time that it took, and closing twice adds none."""
    narrator.open("one")
    narrator.open("two")
    narrator.close()
    narrator.close()

    assert [phase.title for phase in narrator.phases] == ["one", "two"]
    assert all(phase.seconds >= 0 for phase in narrator.phases)
