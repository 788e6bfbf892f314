"""What git holds is fit for strangers: no path of a machine, no private host, no dead link."""

import os
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
MARKDOWN_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PICTURE = re.compile(r'\b(?:src|srcset)="([^"\s]+)"')
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
TABLE_ROW = re.compile(r"^\| (`tests/[^|]*)\|", re.MULTILINE)
CODED = re.compile(r"`([^`]+)`")


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


def pages() -> dict[str, str]:
    """Every Markdown page, without the code in it."""
    texts = {name: text for name, text in tracked_texts().items() if name.endswith(".md")}
    return {name: CODE.sub("", text) for name, text in texts.items()}


def links(text: str) -> list[str]:
    """Where a page points to inside this repository: links, and pictures in either notation."""
    found = MARKDOWN_LINK.findall(text) + PICTURE.findall(text)
    return [link for link in found if not link.startswith(("http://", "https://", "mailto:"))]


def anchors(text: str) -> set[str]:
    """The names under which a page's headings are reached."""
    found: set[str] = set()
    for heading in HEADING.findall(text):
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        found.add(slug)
    return found


def test_the_anchor_of_a_heading_is_the_one_that_is_linked_to() -> None:
    """Small letters and hyphens; marks and backticks are left out."""
    text = "# A page\n\n## How sure is the win?\n\n### What `suite.toml` may say\n"

    assert anchors(text) == {"a-page", "how-sure-is-the-win", "what-suitetoml-may-say"}
    assert links('[a](b.md#c) ![d](e.png) <img src="f.png" alt=""> [g](https://h)') == [
        "b.md#c",
        "e.png",
        "f.png",
    ]


def test_every_relative_link_of_the_docs_leads_somewhere() -> None:
    """A reader who follows a link arrives, and sees the picture or the heading that was meant."""
    texts = tracked_texts()
    dead = []
    for name, text in pages().items():
        for link in links(text):
            place, _, anchor = link.partition("#")
            target = ROOT / PurePosixPath(name).parent / place if place else ROOT / name
            page = texts.get(os.path.relpath(target.resolve(), ROOT), "")
            if not target.exists() or (anchor and anchor not in anchors(page)):
                dead.append(f"{name}: {link}")

    assert dead == []


def test_every_page_can_be_reached_from_the_index() -> None:
    """A guide that no page links to is read by nobody."""
    linked = {
        os.path.relpath(
            (ROOT / PurePosixPath(name).parent / link.partition("#")[0]).resolve(), ROOT
        )
        for name, text in pages().items()
        for link in links(text)
    }
    written = {name for name in pages() if name.startswith("docs/")}

    assert sorted(written - linked) == []


def test_every_folder_of_tests_is_in_the_table() -> None:
    """Who adds a test finds out where it belongs."""
    page = (ROOT / "docs/dev/testing.md").read_text(encoding="utf-8")
    told = {
        word.rpartition("/")[2] for row in TABLE_ROW.findall(page) for word in CODED.findall(row)
    }
    folders = {name.split("/")[1] for name in tracked_texts() if name.startswith("tests/")}

    assert sorted(name for name in folders - told if "." not in name) == []
