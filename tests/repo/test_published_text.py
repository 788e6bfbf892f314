"""What git holds is fit for strangers: no path of a machine, no private host, no dead link."""

import re
from pathlib import PurePosixPath

from tests.repo.sources import ROOT, tracked_texts

SLASH = "/"
MACHINE_PATH = re.compile(
    r"(?<![\w.~-])"
    + SLASH
    + r"(?:work|root|opt/pypi|opt/wheels|Users|home/\w+|mnt/\w+)"
    + SLASH
    + r"|file://"
    + SLASH
    + r"(?:opt|home|root|work)"
    + r"|(?<!\w)[A-Z]:\\Users"
)
PRIVATE_HOST = re.compile(
    r"(?i)\bhttps?://(?:[^/\s\"'<>@]*@)?[\w.-]+\.(?:internal|corp|lan|intranet|home\.arpa)\b"
)
INDEX_SETTING = re.compile(r"(?i)(?:extra-)?index-url\s*[=: ]\s*\S*://(?!pypi\.org)")
MARKDOWN_LINK = re.compile(r"\[[^\]]*\]\((?!https?://|mailto:|#)([^)\s]+)\)")


def hits(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}: {match.group()}"
        for name, text in tracked_texts().items()
        for match in pattern.finditer(text)
    ]


def test_the_patterns_find_what_they_are_for() -> None:
    """A pattern that matches nothing would pass for ever."""
    assert MACHINE_PATH.search('data = "' + SLASH + 'home/kim/data"')
    assert MACHINE_PATH.search("file://" + SLASH + "opt/simple")
    assert not MACHINE_PATH.search("src/assay/work/")
    assert PRIVATE_HOST.search("https://user@mirror.build" + ".internal/simple")
    assert INDEX_SETTING.search("index-url" + " = https://mirror.example.org/simple")


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    """Nothing in the repository works on one machine only."""
    assert hits(MACHINE_PATH) == []


def test_no_file_names_a_private_host_or_package_index() -> None:
    """Where packages come from is the installer's own configuration."""
    assert hits(PRIVATE_HOST) + hits(INDEX_SETTING) == []


def test_no_work_is_left_in_comments() -> None:
    """What is not done is an issue, not a comment."""
    marker = re.compile(r"(?:#|//)\s*(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")

    assert hits(marker) == []


def test_every_relative_link_of_the_docs_leads_somewhere() -> None:
    """A reader who follows a link arrives."""
    dead = []
    for name, text in tracked_texts().items():
        if not name.endswith(".md"):
            continue
        for link in MARKDOWN_LINK.findall(text):
            target = PurePosixPath(name).parent / link.split("#")[0]
            if not (ROOT / target).exists():
                dead.append(f"{name}: {link}")

    assert dead == []
