"""The storage contract of the registry: the same answers from SQLite and from PostgreSQL."""

from hashlib import sha256

import pytest

from assay.domain.artifact import ManifestEntry
from assay.domain.errors import AlreadyExists, AppError
from assay.domain.registry import MoveKind
from assay.storage import aliases, idempotency, ledger, model_versions, registered_models
from assay.storage.aliases import NewMove
from assay.storage.database import Database, Transaction
from assay.storage.files import record_blob
from assay.storage.model_versions import NewVersion
from assay.storage.workspaces import insert_workspace

NOW = 1_700_000_000_000


@pytest.fixture
def workspace_pk(database: Database) -> int:
    """A workspace to put models into."""
    with database.write() as tx:
        pk = insert_workspace(tx, "team-a", "", NOW)
    assert pk is not None
    return pk


def a_version(tx: Transaction, model_pk: int, number: int, *paths: str) -> int:
    for path in paths:
        record_blob(tx, sha256(path.encode()).hexdigest(), 1, NOW)
    new = NewVersion(
        model_pk=model_pk,
        version=number,
        run_pk=None,
        logged_model_pk=None,
        source="",
        artifact_path="",
        artifact_digest="d" * 64,
        size_bytes=len(paths),
        lineage_scheme="py-json-v1",
        lineage_canonical='{"seed":1.0,"x":1e-05}',
        fingerprint="f" * 64,
        lineage_origins={"seed": "stated"},
        annotations={"note": [1, "ü"]},
        verifiable=True,
        description="",
        run_link="",
        created_by="user:a",
        now_ms=NOW,
    )
    files = [ManifestEntry(path, 1, sha256(path.encode()).hexdigest()) for path in paths]
    return model_versions.insert_version(tx, new, files)


def test_lineage_text_is_kept_byte_for_byte(database: Database, workspace_pk: int) -> None:
    """L32: no engine rewrites 1.0, 1e-05 or the order of anything."""
    with database.write() as tx:
        model_pk = registered_models.insert_model(
            tx, workspace_pk, name="m", description="", now_ms=NOW
        )
        pk = a_version(tx, model_pk, 1, "b", "a/é", "a b")
    with database.read() as tx:
        version = model_versions.find_version_by_pk(tx, pk)
        files = model_versions.list_files(tx, pk)

    assert version is not None
    assert version.lineage_canonical == '{"seed":1.0,"x":1e-05}'
    assert version.annotations == {"note": [1, "ü"]}
    assert (version.model, version.workspace, version.run_id) == ("m", "team-a", None)
    assert [file.path for file in files] == ["a b", "a/é", "b"]


def test_version_numbers_count_up_under_the_models_row(
    database: Database, workspace_pk: int
) -> None:
    """A number is taken once, whatever becomes of the version."""
    with database.write() as tx:
        pk = registered_models.insert_model(tx, workspace_pk, name="m", description="", now_ms=NOW)
        taken = [registered_models.take_version_number(tx, pk, NOW) for _ in range(3)]

    assert taken == [1, 2, 3]


def test_a_name_is_free_again_once_its_model_is_buried(
    database: Database, workspace_pk: int
) -> None:
    """Two live models never share a name; a tombstone is in nobody's way."""

    def add(tx: Transaction) -> int:
        return registered_models.insert_model(
            tx, workspace_pk, name="m", description="", now_ms=NOW
        )

    with database.write() as tx:
        first = add(tx)
    with pytest.raises(AlreadyExists), database.write() as tx:
        add(tx)
    with database.write() as tx:
        registered_models.bury_model(tx, first, NOW)
        second = add(tx)

    assert second != first


def test_an_alias_keeps_its_row_and_its_revision(database: Database, workspace_pk: int) -> None:
    """Removed means that it points at nothing, not that it never was."""
    with database.write() as tx:
        model_pk = registered_models.insert_model(
            tx, workspace_pk, name="m", description="", now_ms=NOW
        )
        version_pk = a_version(tx, model_pk, 1)
        never = aliases.lock_alias(tx, model_pk, "live")
        aliases.point_alias(tx, model_pk, "live", version_pk, 1, NOW)
        aliases.point_alias(tx, model_pk, "live", None, 2, NOW)
        removed = aliases.lock_alias(tx, model_pk, "live")
        held = aliases.aliases_of_models(tx, [model_pk], frozenset())

    assert (never.revision, never.version) == (0, None)
    assert (removed.revision, removed.version) == (2, None)
    assert held == {model_pk: []}


def test_a_revision_is_written_once(database: Database, workspace_pk: int) -> None:
    """The history cannot hold two moves of one revision."""
    with database.write() as tx:
        model_pk = registered_models.insert_model(
            tx, workspace_pk, name="m", description="", now_ms=NOW
        )
    move = NewMove(model_pk, "live", 1, MoveKind.SET, None, None, None, "", "user:a", 1, NOW)

    with database.write() as tx:
        tx.driver_plain(
            "INSERT INTO ledger (seq, at_ms, action, outcome, actor, object, body, prev, h)"
            " VALUES (1, 0, 'a', 'allowed', 'b', 'c', 'd', 'e', 'f')"
        )
        aliases.insert_move(tx, move)
    with pytest.raises(AppError), database.write() as tx:
        aliases.insert_move(tx, move)


def test_an_answer_is_remembered_until_it_is_old(database: Database) -> None:
    """Idempotency records go when no client retries any more."""
    with database.write() as tx:
        idempotency.insert_answer(tx, "user:a", "k", "0" * 64, "{}", NOW)
    with database.write() as tx:
        idempotency.forget_answers(tx, NOW)
        assert idempotency.find_answer(tx, "user:a", "k") is not None
        assert idempotency.find_answer(tx, "user:b", "k") is None
        idempotency.forget_answers(tx, NOW + 1)
        assert idempotency.find_answer(tx, "user:a", "k") is None


def test_the_head_starts_at_nothing(database: Database) -> None:
    """Before the first event the head is number 0 and the genesis hash."""
    with database.read() as tx:
        assert ledger.get_head(tx) == ledger.Head(0, "0" * 64)
