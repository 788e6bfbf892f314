"""What a server refuses to be told, before it opens anything."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from assay.domain.errors import InvalidArgument
from assay.server.settings import Settings


@pytest.mark.parametrize(
    ("setting", "value", "flag"),
    [
        ("port", 65536, "--port"),
        ("port", -1, "--port"),
        ("database", "mysql://localhost/assay", "--database"),
        ("database", "s3://bucket/assay.db", "--database"),
        ("allowed_hosts", ("assay.example", "assay.example/path"), "--allow-host"),
        ("allowed_hosts", ("assay.example:443",), "--allow-host"),
        ("allowed_hosts", ("",), "--allow-host"),
        ("closure_every_hours", -1.0, "--closure-every"),
        ("closure_every_hours", math.nan, "--closure-every"),
        ("closure_every_hours", math.inf, "--closure-every"),
        ("source_roots", (Path("there-is-no-such-folder"),), "--source-root"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_by_its_flag(
    tmp_path: Path, setting: str, value: Any, flag: str
) -> None:
    """A typing error in a flag is found at the start, and not when the setting is first used."""
    settings = Settings(data=tmp_path / "data", **{setting: value})

    with pytest.raises(InvalidArgument, match=flag):
        settings.check()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("port", 0),
        ("database", "sqlite:////srv/assay.db"),
        ("database", "postgresql://assay@db.example/assay"),
        ("database", "some/folder/assay.db"),
        ("allowed_hosts", ("assay.example", "[fd00::7]", "192.0.2.7")),
        ("closure_every_hours", 0.0),
        ("source_roots", (Path(),)),
    ],
)
def test_a_setting_that_can_be_meant_is_taken(tmp_path: Path, setting: str, value: Any) -> None:
    """The checks refuse slips, not uses."""
    Settings(data=tmp_path / "data", **{setting: value}).check()


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    """`--data assay.db` is a likely slip: the flag takes a folder."""
    file = tmp_path / "assay.db"
    file.write_text("")

    with pytest.raises(InvalidArgument, match="--data is a folder"):
        Settings(data=file).check()
