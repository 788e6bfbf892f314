"""What is read from a suite folder, and how each mistake in one is named."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.bundles.suite_folder import ITEM_BYTES_MAX, read_suite_folder
from assay.domain.canonical import canonical_text, sha256_hex
from assay.domain.errors import AppError, InvalidArgument, LimitExceeded
from assay.domain.evaluation import parse_suite, suite_fingerprint
from tests.support.suite_folders import ITEMS, SUITE, write_suite


def test_a_folder_becomes_the_suite_that_it_describes(tmp_path: Path) -> None:
    """Harness, settings, metrics, every item with its digest, and no limit."""
    folder = read_suite_folder(write_suite(tmp_path / "suite"))
    record = folder.record()
    assert (folder.name, record["limit"]) == ("capitals", None)
    assert record["harness"] == {"name": "capitals-exam", "version": "2", "digest": None}
    (task,) = record["tasks"]
    assert (task["name"], task["split"]) == ("main", "test")
    assert task["generation"] == {"temperature": 0, "max_tokens": 8}
    assert task["metrics"] == [
        {"name": "accuracy", "direction": "maximize", "low": "0", "high": "1"}
    ]
    assert task["items"] == [
        {"id": item["id"], "digest": sha256_hex(canonical_text(item))}
        for item in sorted(ITEMS, key=lambda item: item["id"])
    ]
    assert folder.fingerprint == suite_fingerprint(parse_suite(record))


def test_json_and_toml_say_the_same(tmp_path: Path) -> None:
    """suite.json describes the same exam as suite.toml, with one fingerprint."""
    toml = read_suite_folder(write_suite(tmp_path / "toml"))
    write_suite(tmp_path / "json")
    (tmp_path / "json" / "suite.toml").unlink()
    described = {
        "name": "another name",
        "harness": {"name": "capitals-exam", "version": "2"},
        "tasks": [
            {
                "name": "main",
                "metrics": [{"name": "accuracy", "direction": "maximize", "low": 0, "high": 1}],
                "few_shot": {"count": 0},
                "generation": {"temperature": 0, "max_tokens": 8},
            }
        ],
    }
    (tmp_path / "json" / "suite.json").write_text(json.dumps(described))
    assert read_suite_folder(tmp_path / "json").fingerprint == toml.fingerprint


def _edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new))

    return change


@pytest.mark.parametrize(
    "change",
    [
        _edit("scorer.py", "int(right)", "1"),
        _edit("items.jsonl", "Roma", "Rome"),
        _edit("items.jsonl", '"id": "it"', '"id": "it2"'),
        _edit("suite.toml", "maximize", "minimize"),
        _edit("suite.toml", "max_tokens = 8", "max_tokens = 9"),
        _edit("suite.toml", "count = 0", "count = 1"),
        _edit("suite.toml", 'version = "2"', 'version = "3"'),
        lambda root: (root / "normalise.py").write_text("def normalise(text): ..."),
    ],
    ids=["scorer", "reference", "id", "direction", "generation", "few-shot", "harness", "helper"],
)
def test_whatever_could_change_a_score_changes_the_fingerprint(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    """Scorer code and its helpers, items, settings, directions and versions are all covered."""
    root = write_suite(tmp_path / "suite")
    before = read_suite_folder(root).fingerprint
    change(root)
    assert read_suite_folder(root).fingerprint != before


def test_labels_and_leftovers_do_not_change_the_fingerprint(tmp_path: Path) -> None:
    """A suite's name, hidden files and Python's caches are not part of the exam."""
    root = write_suite(tmp_path / "suite")
    before = read_suite_folder(root)
    _edit("suite.toml", '"capitals"', '"cities"')(root)
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("ref")
    (root / "__pycache__").mkdir()
    (root / "__pycache__" / "scorer.pyc").write_text("compiled")
    after = read_suite_folder(root)
    assert after.fingerprint == before.fingerprint
    assert [entry.path for entry in after.files] == ["items.jsonl", "scorer.py", "suite.toml"]


def test_items_are_dealt_to_the_tasks_that_they_name(tmp_path: Path) -> None:
    """With several tasks every item says whose it is."""
    tasks = "".join(
        f'[[tasks]]\nname = "{name}"\nmetrics = [{{ name = "f1", direction = "maximize" }}]\n'
        for name in ("north", "south")
    )
    items = [
        {"id": "fi", "task": "north"},
        {"id": "it", "task": "south"},
        {"id": "gr", "task": "south"},
    ]
    root = write_suite(tmp_path / "suite", suite='name = "s"\n' + tasks, items=items)
    counts = {task.name: len(task.items) for task in read_suite_folder(root).suite.tasks}
    assert counts == {"north": 1, "south": 2}


def test_prompt_and_template_files_are_covered_by_digest(tmp_path: Path) -> None:
    """A task that names a prompt file carries the digest of its bytes."""
    suite = SUITE + 'prompt_file = "prompt.txt"\n'
    root = write_suite(tmp_path / "suite", suite=suite)
    (root / "prompt.txt").write_text("The capital is")
    (task,) = read_suite_folder(root).suite.tasks
    assert task.prompt_digest == sha256_hex("The capital is")


def test_another_id_field_can_be_named(tmp_path: Path) -> None:
    """`id_field` says which member of an item is its id."""
    root = write_suite(
        tmp_path / "suite",
        suite='id_field = "question"\n' + SUITE,
        items=[{"question": "q1", "reference": "a"}],
    )
    assert [item.item_id for item in read_suite_folder(root).suite.tasks[0].items] == ["q1"]


@pytest.mark.parametrize(
    ("items", "field", "words"),
    [
        ("", "items.jsonl", "is empty"),
        ('{"id": "a"}\n{"id": "b"\n', "items.jsonl:2", "not valid JSON"),
        ('{"id": "a"}\n{"id": "a", "x": 1}\n', "items.jsonl:2", "already on line 1"),
        ('{"id": "a"}\n{"name": "b"}\n', "items.jsonl:2", "id is missing"),
        ('{"id": 7}\n', "items.jsonl:1", "must be a text"),
        ('{"id": ""}\n', "items.jsonl:1", "must be a text"),
        ("[1]\n", "items.jsonl:1", "must be an object"),
        ('{"id": "a"}\n\n{"id": "b"}\n', "items.jsonl:2", "not valid JSON"),
        ('{"id": "a", "x": NaN}\n', "items.jsonl:1", "not a finite number"),
        ('{"id": "a", "id": "b"}\n', "items.jsonl:1", "twice"),
        ('{"id": "a", "task": "other"}\n', "items.jsonl:1", "no task 'other'"),
        ('{"id": "a", "task": 1}\n', "items.jsonl:1", "task must be a text"),
        ('{"id": "a", "x": "\\ud800"}\n', "items.jsonl:1", "surrogate"),
    ],
)
def test_a_wrong_item_is_named_by_line(tmp_path: Path, items: str, field: str, words: str) -> None:
    """The message says which line of the items file is wrong and why."""
    root = write_suite(tmp_path / "suite", items=items)
    with pytest.raises(InvalidArgument, match=words) as refusal:
        read_suite_folder(root)
    assert refusal.value.field == field


def test_an_endless_item_is_refused_without_reading_it_whole(tmp_path: Path) -> None:
    """An item has at most 1 MiB."""
    root = write_suite(tmp_path / "suite", items='{"id": "' + "a" * ITEM_BYTES_MAX + '"}')
    with pytest.raises(LimitExceeded) as refusal:
        read_suite_folder(root)
    assert refusal.value.field == "items.jsonl:1"


@pytest.mark.parametrize(
    ("suite", "words"),
    [
        ("name = ", "suite.toml: it is not valid TOML"),
        ('title = "x"', "'title' is not known here"),
        (SUITE.replace('name = "capitals"', ""), "name is missing"),
        ('name = "x"', "tasks must be a list"),
        (SUITE.replace("metrics", "scores"), "'scores' is not known here"),
        (SUITE.replace("maximize", "up"), "'maximize' or 'minimize'"),
        (SUITE.replace("low = 0", "low = 2"), "low is greater"),
        ("limit = 10\n" + SUITE, "limit must be null"),
        (SUITE + 'prompt_file = "absent.txt"', "there is no file 'absent.txt'"),
        (SUITE.replace("temperature = 0", "temperature = nan"), "not a finite number"),
        (SUITE + "when = 2026-01-01", "date"),
    ],
)
def test_a_wrong_description_is_named(tmp_path: Path, suite: str, words: str) -> None:
    """The message says what in the suite file is wrong."""
    root = write_suite(tmp_path / "suite", suite=suite)
    with pytest.raises(AppError, match=words):
        read_suite_folder(root)


@pytest.mark.parametrize("name", ["items.jsonl", "scorer.py", "suite.toml"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    """Description, items and scorer are all needed."""
    root = write_suite(tmp_path / "suite")
    (root / name).unlink()
    with pytest.raises(InvalidArgument, match=name.replace(".", r"\.")):
        read_suite_folder(root)


def test_two_descriptions_are_one_too_many(tmp_path: Path) -> None:
    """suite.toml beside suite.json leaves open which one holds."""
    root = write_suite(tmp_path / "suite")
    (root / "suite.json").write_text("{}")
    with pytest.raises(InvalidArgument, match=r"suite\.toml and suite\.json"):
        read_suite_folder(root)


def test_links_and_special_files_are_refused(tmp_path: Path) -> None:
    """A link to a file or a folder, and a named pipe, are not frozen content."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "data").write_text("x")
    for make in (
        lambda root: (root / "data").symlink_to(outside / "data"),
        lambda root: (root / "more").symlink_to(outside),
        lambda root: os.mkfifo(root / "pipe"),
    ):
        root = write_suite(tmp_path / "suite")
        make(root)
        with pytest.raises(InvalidArgument, match=r"symbolic link|ordinary file"):
            read_suite_folder(root)
        shutil.rmtree(root)


def test_names_must_fit_the_archive(tmp_path: Path) -> None:
    """File names that not every tool reads alike are refused before anything is packed."""
    root = write_suite(tmp_path / "suite")
    (root / "prüfung.txt").write_text("x")
    with pytest.raises(InvalidArgument, match="plain ASCII"):
        read_suite_folder(root)


def test_what_is_not_a_folder_is_refused(tmp_path: Path) -> None:
    """A path to nothing is the caller's mistake."""
    with pytest.raises(InvalidArgument, match="not a folder"):
        read_suite_folder(tmp_path / "absent")
