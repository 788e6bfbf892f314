from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from assay.server.page import Page


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    page = tmp_path / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<!doctype html><div id=root></div>")
    (page / "theme.js").write_text("0")
    (page / "assets" / "index-abc123.js").write_text("1")
    (tmp_path / "secret.txt").write_text("not for browsers")
    return page


@pytest.fixture
def browser(folder: Path) -> TestClient:
    return TestClient(Page(folder))


def test_a_hashed_file_is_kept_for_good_and_the_frame_is_asked_for_again(
    browser: TestClient,
) -> None:
    """Names that carry a digest never change their content; index.html may, with every release."""
    asset = browser.get("/assets/index-abc123.js")
    assert asset.text == "1"
    assert asset.headers["content-type"].startswith("text/javascript")
    assert "immutable" in asset.headers["cache-control"]
    frame = browser.get("/")
    assert frame.headers["cache-control"] == "no-cache"
    again = browser.get("/", headers={"if-none-match": frame.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/experiments/1",
        "/runs/abc",
        "/compare",
        "/models/bot/versions/3",
        "/collections/mix",
        "/open/default/post-training/runs/abc",
        "/gates",
        "/ledger",
        "/settings",
    ],
)
def test_addresses_of_the_page_answer_its_frame(browser: TestClient, address: str) -> None:
    """What the browser routes itself is one and the same document."""
    answer = browser.get(address)
    assert answer.status_code == 200
    assert "<div id=root>" in answer.text
    assert browser.head(address).content == b""


def test_a_script_is_only_taken_from_this_server(browser: TestClient) -> None:
    """Nothing inline, nothing foreign, and no other page may frame this one."""
    for address in ("/", "/theme.js", "/assets/index-abc123.js"):
        headers = browser.get(address).headers
        rules = dict(
            rule.strip().split(" ", 1) for rule in headers["content-security-policy"].split(";")
        )
        assert rules["default-src"] == "'none'"
        assert rules["script-src"] == "'self'"
        assert rules["style-src"] == "'self'"
        assert rules["frame-ancestors"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "//etc/passwd",
        "/assets/",
        "/index.html/x",
    ],
)
def test_no_path_leads_out_of_the_packed_files(browser: TestClient, path: str) -> None:
    """A path is looked up in a table; whatever is not in it does not exist."""
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "not for browsers" not in answer.text


def test_a_person_who_mistyped_an_address_sees_the_page(browser: TestClient) -> None:
    """Who asks for HTML gets the frame, which says what is wrong; a program gets a short 404."""
    person = browser.get("/experimints", headers={"accept": "text/html"})
    assert person.status_code == 404
    assert "<div id=root>" in person.text
    assert browser.get("/experimints").text == "Not found"


def test_only_reading_is_answered(browser: TestClient) -> None:
    """The page has no address that takes anything in."""
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert browser.request(method, "/").status_code == 404


def test_without_a_built_page_a_note_says_how_to_go_on(tmp_path: Path) -> None:
    """A server installed without the page still tells a browser what it is and how to get the page."""
    page = Page(tmp_path / "absent")
    assert not page.is_built
    browser = TestClient(page)
    note = browser.get("/", headers={"host": 'x"><script>'})
    assert "make install" in note.text
    assert "<script>" not in note.text
    assert browser.get("/experiments").status_code == 404
