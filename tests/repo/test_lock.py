"""The lock is complete, clean, and what `make install` installs."""

import re
import tomllib

from tests.repo.sources import ROOT, locked_packages, project

PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9-]*)(?:\[[^]]*\])?==(?P<version>[^ ;]+)")


def pins() -> set[tuple[str, str]]:
    lines = (ROOT / "requirements/dev.txt").read_text(encoding="utf-8").splitlines()
    found = set()
    for line in filter(None, lines):
        match = PIN.match(line)
        assert match, f"not an exact pin: {line}"
        found.add((match["name"], match["version"]))
    return found


def test_what_make_installs_is_what_uv_locked() -> None:
    """requirements/dev.txt has the lock's versions and no others; `make lock` renews both."""
    locked = {(p["name"], p["version"]) for p in locked_packages() if p["name"] != "assay"}

    assert pins() <= locked
    assert {name for name, _ in pins()} == {name for name, _ in locked}


def test_the_lock_knows_what_pyproject_asks_for() -> None:
    """A dependency added by hand without `make lock` is noticed."""
    entry = next(package for package in locked_packages() if package["name"] == "assay")
    declared = project()["project"]
    asked = {
        *declared["dependencies"],
        *(item for extra in declared["optional-dependencies"].values() for item in extra),
    }
    asked_names = {re.split(r"[\[><=; ]", text)[0].replace(".", "-") for text in asked}

    locked_names = {item["name"] for item in entry["metadata"]["requires-dist"]}

    assert asked_names == locked_names


def test_the_lock_knows_the_groups_of_the_developers_tools() -> None:
    """The same for the tools of tests, checks and benchmarks."""
    entry = next(package for package in locked_packages() if package["name"] == "assay")
    groups = project()["dependency-groups"]
    asked = {
        name: {re.split(r"[\[><=; ]", item)[0] for item in items if isinstance(item, str)}
        for name, items in groups.items()
    }
    asked["dev"] = asked["test"] | asked["check"] | asked["build"]

    locked = entry["metadata"]["requires-dev"]

    assert {name: {item["name"] for item in items} for name, items in locked.items()} == asked


def test_the_lock_names_the_public_index_only() -> None:
    """A mirror or a folder of this machine never gets into the lock."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    sources = {str(package["source"]) for package in lock["package"]}

    assert sources == {"{'registry': 'https://pypi.org/simple'}", "{'editable': '.'}"}


def test_every_locked_file_has_a_digest() -> None:
    """What uv downloads is checked against a SHA-256."""
    files = [
        file
        for package in locked_packages()
        for file in [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
    ]

    assert files
    assert [file["url"] for file in files if not file["hash"].startswith("sha256:")] == []
