"""Artifacts: bytes under their digest, paths that stay inside, nothing half-done."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from assay.domain.access import Role
from assay.domain.errors import (
    DataCorrupted,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from assay.services.artifacts import ModelOwner, Owner, RunOwner
from tests.support.platform import a_context, an_actor
from tests.support.tracking import Tracking

OUTSIDE = [
    "..",
    "../x",
    "a/../../x",
    "a/..",
    "a/./b",
    "/etc/passwd",
    "//x",
    "a//b",
    "a/",
    "\\x",
    "a\\..\\b",
    "a\x00b",
    "%2e%2e/x",
    "%2E%2E%2Fx",
    "%252e%252e%252fx",
    "%2fetc",
    "a%00b",
    "%5cx",
    "C:/x",
    "file:///x",
    "a\nb",
    "\ud800",
    "x" * 1025,
]


@pytest.fixture(params=["run", "logged model"])
def owner(request: pytest.FixtureRequest, tracking: Tracking) -> Owner:
    if request.param == "run":
        return RunOwner(tracking.a_run().run.run_id)
    model = tracking.logged_models.create(tracking.context, "0", name="m")
    return ModelOwner(model.model_id)


def _read(tracking: Tracking, owner: Owner, path: str) -> bytes:
    with tracking.artifacts.open(tracking.context, owner, path).read(0, None) as download:
        return b"".join(download)


def _blobs(tracking: Tracking) -> set[str]:
    return {blob.sha256 for blob in tracking.platform.blobs.list()}


def test_bytes_come_back_as_they_went_in(tracking: Tracking, owner: Owner) -> None:
    """A file is its bytes, its size and their digest; a part of it is a part of the bytes."""
    data = bytes(range(256)) * 9
    entry = tracking.artifacts.put_bytes(tracking.context, owner, "a/b.bin", data)
    assert (entry.size_bytes, entry.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert tracking.artifacts.get(tracking.context, owner, "a/b.bin") == entry
    assert _read(tracking, owner, "a/b.bin") == data
    opened = tracking.artifacts.open(tracking.context, owner, "a/b.bin")
    with opened.read(5, 300) as download:
        assert b"".join(download) == data[5:305]


def test_an_upload_in_pieces_is_one_file(tracking: Tracking, owner: Owner) -> None:
    """Nothing is visible before the end."""
    with tracking.artifacts.begin_upload(tracking.context, owner, "f") as upload:
        upload.write(b"one")
        assert tracking.artifacts.list(tracking.context, owner) == ()
        upload.write(b"two")
        assert upload.size_bytes == 6
        upload.finish(hashlib.sha256(b"onetwo").hexdigest())
    assert _read(tracking, owner, "f") == b"onetwo"


def test_an_aborted_upload_leaves_nothing(tracking: Tracking, owner: Owner) -> None:
    """Neither a row nor bytes."""
    with tracking.artifacts.begin_upload(tracking.context, owner, "f") as upload:
        upload.write(b"lost")
    assert tracking.artifacts.list(tracking.context, owner) == ()
    assert _blobs(tracking) == set()


def test_other_bytes_than_announced_are_refused(tracking: Tracking, owner: Owner) -> None:
    """A digest that does not fit changes nothing; what was at the path stays."""
    tracking.artifacts.put_bytes(tracking.context, owner, "f", b"old")
    with pytest.raises(InvalidArgument):
        tracking.artifacts.put_bytes(tracking.context, owner, "f", b"new", expected_sha256="0" * 64)
    assert _read(tracking, owner, "f") == b"old"
    assert _blobs(tracking) == {hashlib.sha256(b"old").hexdigest()}


def test_putting_again_replaces_or_repeats(tracking: Tracking, owner: Owner) -> None:
    """The same bytes are no change; other bytes take the path, and the old ones stay in the store."""
    first = tracking.artifacts.put_bytes(tracking.context, owner, "f", b"1")
    assert tracking.artifacts.put_bytes(tracking.context, owner, "f", b"1") == first
    second = tracking.artifacts.put_bytes(tracking.context, owner, "f", b"2")
    assert tracking.artifacts.walk(tracking.context, owner) == (second,)
    assert _blobs(tracking) == {first.sha256, second.sha256}


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_never_leads_outside(sqlite_tracking: Tracking, path: str) -> None:
    """In no spelling, encoded once or twice, and in no call; the error names `path`."""
    tracking = sqlite_tracking
    run = RunOwner(tracking.a_run().run.run_id)
    for use in (
        lambda: tracking.artifacts.put_bytes(tracking.context, run, path, b"x"),
        lambda: tracking.artifacts.open(tracking.context, run, path),
        lambda: tracking.artifacts.list(tracking.context, run, path),
        lambda: tracking.artifacts.delete(tracking.context, run, path),
    ):
        with pytest.raises(InvalidArgument) as caught:
            use()
        assert caught.value.field == "path"
    assert _blobs(tracking) == set()


def test_a_path_fits_the_databases_index(sqlite_tracking: Tracking) -> None:
    """A path is bounded in bytes too, so that no database refuses it later."""
    run = RunOwner(sqlite_tracking.a_run().run.run_id)
    for path in ("模" * 683, "\U0001f600" * 513):
        with pytest.raises(InvalidArgument, match="2048 bytes"):
            sqlite_tracking.artifacts.put_bytes(sqlite_tracking.context, run, path, b"x")


def test_the_longest_path_is_kept(tracking: Tracking, owner: Owner) -> None:
    """A path of just the limit works on both engines."""
    path = "".join(chr(0x4E00 + number) for number in range(682))
    tracking.artifacts.put_bytes(tracking.context, owner, path, b"x")
    assert _read(tracking, owner, path) == b"x"


def test_ordinary_names_are_kept_as_they_are(tracking: Tracking, owner: Owner) -> None:
    """Spaces, dots, percent signs and every script are parts of names."""
    names = ["a b", ".hidden", "...", "a..b", "100%", "ünï/cödé", "模型/权重.bin", "a+b&c=d", "~x"]
    for name in names:
        tracking.artifacts.put_bytes(tracking.context, owner, name, name.encode())
    for name in names:
        assert _read(tracking, owner, name) == name.encode()


def test_a_file_is_never_a_folder_too(tracking: Tracking, owner: Owner) -> None:
    """What could not lie in one folder of a disk is refused, before any byte is taken."""
    tracking.artifacts.put_bytes(tracking.context, owner, "a/b", b"x")
    for path in ("a", "a/b/c"):
        with pytest.raises(FailedPrecondition, match=r"'a"):
            tracking.artifacts.begin_upload(tracking.context, owner, path)


def test_of_two_that_cannot_both_be_there_one_is(tracking: Tracking, owner: Owner) -> None:
    """Uploads that clash are told so at the end, whichever ends first."""
    uploads = [
        tracking.artifacts.begin_upload(tracking.context, owner, path) for path in ("a", "a/b")
    ]

    def finish(number: int) -> bool:
        uploads[number].write(b"x")
        try:
            uploads[number].finish()
        except FailedPrecondition:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(finish, range(2))) == [False, True]
    assert len(tracking.artifacts.walk(tracking.context, owner)) == 1


def test_listing_and_removing(tracking: Tracking, owner: Owner) -> None:
    """A folder that is not there is empty; removing what is not there removes nothing."""
    for path in ("m/a", "m/b/c", "x"):
        tracking.artifacts.put_bytes(tracking.context, owner, path, b"1")
    context, artifacts = tracking.context, tracking.artifacts
    assert [entry.path for entry in artifacts.list(context, owner)] == ["m", "x"]
    assert [entry.path for entry in artifacts.list(context, owner, "m")] == ["m/b", "m/a"]
    assert [entry.path for entry in artifacts.walk(context, owner, "m")] == ["m/a", "m/b/c"]
    assert artifacts.list(context, owner, "none") == ()
    with pytest.raises(NotFound):
        artifacts.open(context, owner, "m")
    assert artifacts.delete(context, owner, "none") == 0
    assert artifacts.delete(context, owner, "m") == 2
    assert [entry.path for entry in artifacts.list(context, owner)] == ["x"]


def test_lost_and_changed_bytes_are_never_served(tracking: Tracking, owner: Owner) -> None:
    """A blob that is gone or altered is corruption, said as such."""
    entry = tracking.artifacts.put_bytes(tracking.context, owner, "f", b"true")
    assert entry.sha256 is not None
    opened = tracking.artifacts.open(tracking.context, owner, "f")
    tracking.platform.blobs.delete(entry.sha256)
    with pytest.raises(DataCorrupted, match="are missing"):
        opened.read(0, None)


def test_a_deleted_owner_keeps_its_files(tracking: Tracking) -> None:
    """Nothing is added to or taken from a deleted run, and its files stay readable."""
    run_id = tracking.a_run().run.run_id
    run = RunOwner(run_id)
    tracking.artifacts.put_bytes(tracking.context, run, "f", b"1")
    upload = tracking.artifacts.begin_upload(tracking.context, run, "g")
    upload.write(b"late")
    tracking.runs.delete(tracking.context, run_id)
    for write in (
        lambda: tracking.artifacts.begin_upload(tracking.context, run, "h"),
        lambda: tracking.artifacts.delete(tracking.context, run, "f"),
        upload.finish,
    ):
        with pytest.raises(FailedPrecondition, match="must be in the 'active' state"):
            write()
    assert _read(tracking, run, "f") == b"1"


def test_owners_that_do_not_exist_have_no_files(sqlite_tracking: Tracking) -> None:
    """Unknown and hidden owners are answered alike; a viewer cannot write."""
    run = RunOwner(sqlite_tracking.a_run().run.run_id)
    artifacts = sqlite_tracking.artifacts
    stranger = a_context(an_actor("s", Role.CONTRIBUTOR, workspace="elsewhere"), "elsewhere")
    for context, owner in (
        (stranger, run),
        (sqlite_tracking.context, RunOwner("unknown")),
        (sqlite_tracking.context, ModelOwner("m-" + "0" * 32)),
    ):
        with pytest.raises(NotFound, match="does not exist"):
            artifacts.list(context, owner)
        with pytest.raises(NotFound, match="does not exist"):
            artifacts.put_bytes(context, owner, "f", b"x")
    viewer = a_context(an_actor("v", Role.VIEWER))
    assert artifacts.list(viewer, run) == ()
    with pytest.raises(PermissionDenied):
        artifacts.put_bytes(viewer, run, "f", b"x")
    assert list(sqlite_tracking.platform.blobs.list()) == []
