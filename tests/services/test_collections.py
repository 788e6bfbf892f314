"""Collections: numbers, content, names, links and the runs that use versions; on both engines."""

from __future__ import annotations

import base64
import hashlib
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from assay.domain.access import Role
from assay.domain.artifact import ManifestEntry, artifact_digest
from assay.domain.collection import (
    CollectionFile,
    CollectionVersion,
    Direction,
    NewVersion,
    VersionState,
)
from assay.domain.errors import (
    FailedPrecondition,
    GateBlocked,
    InvalidArgument,
    LineageIncomplete,
    NotFound,
    PermissionDenied,
)
from assay.services.assembly import Services, build_services
from assay.services.collection_drafts import CollectionDrafts
from assay.services.collection_edits import CollectionEdits
from assay.services.collection_links import CollectionLinks
from assay.services.collection_reads import CollectionReads, Home
from assay.services.context import Context
from assay.services.run_lineage import lineage_of_run
from assay.storage.database import Database
from tests.support.platform import START_MS, a_context, an_actor, make_platform

HOME = Home(experiment_id="0")
CLOSED = {"base": "Qwen3-8B", "dataset_version": "sft-v3", "seed": "7", "lr": "2e-5"}
COMMIT = {"mlflow.source.git.commit": "9f2c1d7e5b3a4f60718293a4b5c6d7e8f9012345"}


@dataclass
class Scene:
    """All services on one database, and the local owner's context."""

    services: Services
    context: Context

    @property
    def drafts(self) -> CollectionDrafts:
        """The part of that name."""
        return self.services.collections.drafts

    @property
    def reads(self) -> CollectionReads:
        """The part of that name."""
        return self.services.collections.reads

    @property
    def edits(self) -> CollectionEdits:
        """The part of that name."""
        return self.services.collections.edits

    @property
    def links(self) -> CollectionLinks:
        """The part of that name."""
        return self.services.collections.links

    def run(self, *, closed: bool = True) -> str:
        """A run whose lineage is closed, or not."""
        made = self.services.runs.create(
            self.context, params=CLOSED if closed else {}, tags=COMMIT if closed else {}
        )
        return made.run.run_id

    def version(
        self, name: str = "mix", kind: str = "dataset", *, content: str = "a", **more: object
    ) -> CollectionVersion:
        """A committed version with one file."""
        draft = self.drafts.begin(
            self.context,
            "0",
            NewVersion(name, kind, **more),  # type: ignore[arg-type]
        )
        if draft.state is VersionState.COMMITTED:
            return draft
        with self.drafts.begin_upload(self.context, draft.version_id, "data/a.txt") as upload:
            upload.write(content.encode())
            upload.finish()
        return self.drafts.commit(self.context, draft.version_id)


@pytest.fixture
def scene(tmp_path: Path, database: Database) -> Scene:
    services = build_services(make_platform(tmp_path, database), accounts=False)
    services.workspaces.ensure_defaults(START_MS)
    return Scene(services, a_context())


def test_versions_count_from_zero_and_latest_follows(scene: Scene) -> None:
    """Each new content is the next number, and `latest` names the newest."""
    first, second = scene.version(content="a"), scene.version(content="b")
    assert (first.version_index, second.version_index) == (0, 1)
    assert scene.reads.resolve(scene.context, HOME, "mix", "latest").version.pk == second.pk
    assert scene.reads.resolve(scene.context, HOME, "mix", "v0").version.pk == first.pk
    listed = scene.reads.list_versions(scene.context, first.collection).items
    assert [one.version_index for one in listed] == [1, 0]


def test_the_same_content_is_one_version(scene: Scene) -> None:
    """A commit of content that is there answers that version, and the draft stands for it."""
    first = scene.version(content="a")
    scene.version(content="b")
    draft = scene.drafts.begin(scene.context, "0", NewVersion("mix", "dataset", ("again",)))
    with scene.drafts.begin_upload(scene.context, draft.version_id, "data/a.txt") as upload:
        upload.write(b"a")
        upload.finish()
    done = scene.drafts.commit(scene.context, draft.version_id)
    assert (done.pk, done.version_index) == (first.pk, 0)
    assert set(done.aliases) == {"again", "latest"}
    assert scene.reads.get(scene.context, draft.version_id).pk == first.pk


def test_a_versions_digest_is_that_of_a_model_of_its_files(scene: Scene) -> None:
    """For files alone the digest is the registry's: paths, sizes and SHA-256."""
    made = scene.version(content="a")
    (file,) = scene.reads.list_files(scene.context, made.version_id).items
    assert file.sha256 is not None
    assert made.digest == artifact_digest([ManifestEntry("data/a.txt", 1, file.sha256)])


def test_a_draft_is_not_readable_and_is_dropped_whole(scene: Scene) -> None:
    """Before the commit there are no files, no number and no alias; discarding leaves nothing."""
    draft = scene.drafts.begin(scene.context, "0", NewVersion("mix", "dataset"))
    with pytest.raises(FailedPrecondition, match="not committed"):
        scene.reads.list_files(scene.context, draft.version_id)
    with pytest.raises(NotFound):
        scene.reads.resolve(scene.context, HOME, "mix", "latest")
    scene.drafts.discard(scene.context, draft.version_id)
    with pytest.raises(NotFound):
        scene.reads.get(scene.context, draft.version_id)


def test_a_committed_version_takes_no_more_files(scene: Scene) -> None:
    """What is committed is what it is; committing again changes nothing."""
    made = scene.version()
    with pytest.raises(FailedPrecondition, match="is committed"):
        scene.drafts.begin_upload(scene.context, made.version_id, "more.txt")
    assert scene.drafts.commit(scene.context, made.version_id).version_index == 0


def test_bytes_that_never_came_are_named(scene: Scene) -> None:
    """A commit with an announced file that has no bytes is refused, naming the path."""
    draft = scene.drafts.begin(scene.context, "0", NewVersion("mix", "dataset"))
    assert scene.drafts.announce(scene.context, draft.version_id, [("a.bin", "md5-1")]) == [False]
    with pytest.raises(FailedPrecondition, match=r"'a\.bin' never came"):
        scene.drafts.commit(scene.context, draft.version_id)


def test_an_announced_file_is_here_only_where_this_collection_has_it(scene: Scene) -> None:
    """A digest alone gives nothing: other collections' bytes count as absent."""
    draft = scene.drafts.begin(scene.context, "0", NewVersion("one", "dataset"))
    md5 = base64.b64encode(hashlib.md5(b"secret", usedforsecurity=False).digest()).decode()
    upload = scene.drafts.begin_upload(scene.context, draft.version_id, "a", expected_md5=md5)
    upload.write(b"secret")
    upload.finish()
    scene.drafts.commit(scene.context, draft.version_id)
    other = scene.drafts.begin(scene.context, "0", NewVersion("two", "dataset"))
    assert scene.drafts.announce(scene.context, other.version_id, [("x", md5)]) == [False]
    same = scene.drafts.begin(scene.context, "0", NewVersion("one", "dataset"))
    asked = [("x", md5), ("y", "else")]
    assert scene.drafts.announce(scene.context, same.version_id, asked) == [True, False]
    wanted = [CollectionFile("x", None, None, None, md5)]
    done = scene.drafts.commit(scene.context, same.version_id, contents=wanted)
    opened = scene.reads.open_file(scene.context, done.version_id, "x")
    with opened.read(0, None) as pieces:
        assert b"".join(pieces) == b"secret"


def test_concurrent_commits_get_different_numbers(scene: Scene) -> None:
    """Eight writers that commit at once get the numbers 0 to 7, each once."""
    drafts = []
    for number in range(8):
        draft = scene.drafts.begin(scene.context, "0", NewVersion("race", "dataset"))
        with scene.drafts.begin_upload(scene.context, draft.version_id, "n") as upload:
            upload.write(str(number).encode())
            upload.finish()
        drafts.append(draft.version_id)
    got: list[int | None] = []
    start = threading.Barrier(len(drafts))

    def commit(version_id: str) -> None:
        start.wait(30)
        got.append(scene.drafts.commit(scene.context, version_id).version_index)

    threads = [threading.Thread(target=commit, args=(one,)) for one in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(one for one in got if one is not None) == list(range(8))


def test_concurrent_commits_of_one_content_are_one_version(scene: Scene) -> None:
    """Of two writers with the same bytes one makes the version and the other gets it."""
    drafts = []
    for _ in range(2):
        draft = scene.drafts.begin(scene.context, "0", NewVersion("race", "dataset"))
        with scene.drafts.begin_upload(scene.context, draft.version_id, "n") as upload:
            upload.write(b"same")
            upload.finish()
        drafts.append(draft.version_id)
    start = threading.Barrier(2)
    got: list[int] = []

    def commit(version_id: str) -> None:
        start.wait(30)
        got.append(scene.drafts.commit(scene.context, version_id).pk)

    threads = [threading.Thread(target=commit, args=(one,)) for one in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(got) == 2
    assert len(set(got)) == 1


def test_an_index_is_never_used_again(scene: Scene) -> None:
    """The number of a deleted version is gone, and `latest` falls back to what is left."""
    first, second = scene.version(content="a"), scene.version(content="b")
    scene.edits.delete_version(scene.context, second.version_id)
    assert scene.reads.resolve(scene.context, HOME, "mix").version.pk == first.pk
    assert scene.version(content="b").version_index == 2
    with pytest.raises(NotFound):
        scene.reads.resolve(scene.context, HOME, "mix", "v1")


def test_a_named_version_is_not_deleted(scene: Scene) -> None:
    """An alias holds a version unless it is to go with it; the refusal names it."""
    made = scene.version(aliases=("best",))
    with pytest.raises(FailedPrecondition, match="'best'") as refused:
        scene.edits.delete_version(scene.context, made.version_id)
    assert refused.value.details["reasons"] == ["the alias 'best' names it"]
    scene.edits.delete_version(scene.context, made.version_id, drop_aliases=True)
    assert scene.reads.count_versions(scene.context, made.collection) == 0


def test_a_linked_version_is_not_deleted(scene: Scene) -> None:
    """A portfolio holds what it links, whatever the aliases; unlinking frees it."""
    made = scene.version()
    linked = scene.links.link(scene.context, made.version_id, HOME, "shelf", aliases=["good"])
    assert (linked.version_index, set(linked.aliases)) == (0, {"good", "latest"})
    with pytest.raises(FailedPrecondition, match="linked into 'shelf'"):
        scene.edits.delete_version(scene.context, made.version_id, drop_aliases=True)
    scene.links.unlink(scene.context, linked.collection, made.version_id)
    scene.edits.delete_version(scene.context, made.version_id)


def test_a_collection_keeps_its_type(scene: Scene) -> None:
    """Another type under the same name is refused and leaves nothing."""
    scene.version("mix", "dataset")
    with pytest.raises(FailedPrecondition, match="holds the type 'dataset'"):
        scene.drafts.begin(scene.context, "0", NewVersion("mix", "model"))


def test_what_is_said_of_a_version_changes(scene: Scene) -> None:
    """Tags, metadata, description, time to live and aliases are edited; files are not."""
    made = scene.version()
    changed = scene.edits.update_version(
        scene.context,
        made.version_id,
        description="d",
        metadata='{"rows": 3}',
        tags=["b", "a"],
        ttl_s=60,
    )
    assert (changed.description, changed.metadata, changed.tags, changed.ttl_s) == (
        "d",
        '{"rows": 3}',
        ("a", "b"),
        60,
    )
    assert scene.edits.update_version(scene.context, made.version_id, clear_ttl=True).ttl_s is None
    assert "x" in scene.edits.add_alias(scene.context, made.version_id, "x").aliases
    assert "x" not in scene.edits.delete_alias(scene.context, made.version_id, "x").aliases
    with pytest.raises(InvalidArgument, match="looks like a version"):
        scene.edits.add_alias(scene.context, made.version_id, "v3")
    with pytest.raises(InvalidArgument, match="JSON object"):
        scene.edits.update_version(scene.context, made.version_id, metadata="[1]")


def test_a_version_that_outlived_its_time_goes_with_the_next_commit(scene: Scene) -> None:
    """Expired versions are buried, named ones stay."""
    gone = scene.version(content="a", ttl_s=10)
    held = scene.version(content="b", ttl_s=10, aliases=("keep",))
    later = replace(scene.context, now_ms=START_MS + 11_000)
    draft = scene.drafts.begin(later, "0", NewVersion("mix", "dataset"))
    scene.drafts.commit(later, draft.version_id)
    with pytest.raises(NotFound):
        scene.reads.get(later, gone.version_id)
    assert scene.reads.get(later, held.version_id).version_index == 1


def test_references_count_by_address_and_digest(scene: Scene) -> None:
    """A reference has no bytes here, is never opened, and another digest is another version."""
    made: list[CollectionVersion] = []
    for etag in ("e1", "e2"):
        draft = scene.drafts.begin(scene.context, "0", NewVersion("refs", "dataset"))
        where = CollectionFile("train.parquet", 10, None, "s3://bucket/train.parquet", etag)
        scene.drafts.add_references(scene.context, draft.version_id, [where])
        made.append(scene.drafts.commit(scene.context, draft.version_id))
    assert len({one.digest for one in made}) == 2
    with pytest.raises(NotFound, match="only refers to"):
        scene.reads.open_file(scene.context, made[0].version_id, "train.parquet")


def test_runs_are_joined_to_what_they_read_and_made(scene: Scene) -> None:
    """Edges lead both ways: from the run to versions, from the version to runs."""
    maker, reader = scene.run(), scene.run()
    made = scene.version(run_id=maker, step=5)
    scene.edits.use(scene.context, made.version_id, reader, used_as="train")
    scene.edits.use(scene.context, made.version_id, reader, used_as="train")
    (out,) = scene.reads.uses_of_run(scene.context, maker, Direction.OUTPUT)
    (used,) = scene.reads.uses_of_run(scene.context, reader, Direction.INPUT)
    assert (out.version.pk, out.step, used.version.pk, used.used_as) == (
        made.pk,
        5,
        made.pk,
        "train",
    )
    found = scene.reads.uses_of_version(scene.context, made.version_id)
    assert {(use.run_id, use.direction) for use in found} == {
        (maker, Direction.OUTPUT),
        (reader, Direction.INPUT),
    }


def test_a_dataset_that_a_run_read_is_its_data_version(scene: Scene) -> None:
    """Without params that say it, the content digest of the collections read counts."""
    data = scene.version("mix", "dataset")
    other = scene.version("weights", "model")
    params = {key: value for key, value in CLOSED.items() if key != "dataset_version"}
    run_id = scene.services.runs.create(scene.context, params=params, tags=COMMIT).run.run_id
    for version in (data, other):
        scene.edits.use(scene.context, version.version_id, run_id)
    read = lineage_of_run(scene.services.platform, scene.context, run_id)
    assert read.draft.fields["data_version"] == f"sha256:{data.digest}"
    assert read.fingerprint is not None
    stated = scene.services.runs.create(
        scene.context, params={**params, "dataset_version": f"sha256:{data.digest}"}, tags=COMMIT
    )
    same = lineage_of_run(scene.services.platform, scene.context, stated.run.run_id)
    assert same.fingerprint == read.fingerprint


def test_a_param_wins_over_the_collections_read(scene: Scene) -> None:
    """What the run says outright is what it was trained on."""
    data, run_id = scene.version(), scene.run()
    scene.edits.use(scene.context, data.version_id, run_id)
    read = lineage_of_run(scene.services.platform, scene.context, run_id)
    assert read.draft.fields["data_version"] == "sft-v3"


def test_a_link_into_a_registry_makes_a_model_version(scene: Scene) -> None:
    """The linked model is registered from its run, with its files and closed lineage, once."""
    made = scene.version("adapter", "model", run_id=scene.run())
    registry = Home(registry="model")
    linked = scene.links.link(
        scene.context, made.version_id, registry, "qwen", aliases=["candidate"]
    )
    assert (linked.model, linked.model_version, linked.version_index) == ("qwen", 1, 0)
    assert "candidate" in linked.aliases
    version = scene.services.versions.get_by_alias(scene.context, "qwen", "candidate")
    assert (version.artifact_digest, version.verifiable) == (made.digest, True)
    again = scene.links.link(scene.context, made.version_id, registry, "qwen")
    assert again.model_version == 1
    found = scene.reads.resolve(scene.context, registry, "qwen", "candidate")
    assert found.version.pk == made.pk


def test_a_link_without_lineage_is_refused_and_names_the_fields(scene: Scene) -> None:
    """The registry's rule holds at this door too, and nothing is linked."""
    made = scene.version("adapter", "model", run_id=scene.run(closed=False))
    with pytest.raises(LineageIncomplete) as refused:
        scene.links.link(scene.context, made.version_id, Home(registry="model"), "qwen")
    assert "base_model" in refused.value.details["missing"]  # type: ignore[operator]
    assert len(scene.reads.memberships_of(scene.context, made.version_id)) == 1


def test_a_protected_alias_on_a_link_is_a_promotion(scene: Scene) -> None:
    """It is held with reasons while no gate has been passed; the link stays without it."""
    made = scene.version("adapter", "model", run_id=scene.run())
    registry = Home(registry="model")
    with pytest.raises(GateBlocked):
        scene.links.link(scene.context, made.version_id, registry, "qwen", aliases=["production"])
    linked = scene.reads.resolve(scene.context, registry, "qwen", "v0")
    assert linked.aliases == ("latest",)


@pytest.mark.parametrize("alias", ["production", "Champion"])
def test_no_protected_alias_stands_outside_the_registry(scene: Scene, alias: str) -> None:
    """Neither a sequence of models nor a plain portfolio can be served by a protected name."""
    with pytest.raises(FailedPrecondition, match="registry"):
        scene.version("adapter", "model", aliases=(alias,))
    made = scene.version("adapter", "model")
    with pytest.raises(FailedPrecondition, match="registry"):
        scene.edits.add_alias(scene.context, made.version_id, alias)
    with pytest.raises(FailedPrecondition, match="registry"):
        scene.links.link(scene.context, made.version_id, HOME, "shelf", aliases=[alias])
    new = NewVersion("adapter", "model", (alias, "mine"))
    draft = scene.drafts.begin(scene.context, "0", new, drop_protected=True)
    assert draft.wanted_aliases == ("mine",)


def test_unlinking_deletes_the_model_version_unless_it_is_needed(scene: Scene) -> None:
    """An alias of the registry holds the link; without it both go."""
    made = scene.version("adapter", "model", run_id=scene.run())
    registry = Home(registry="model")
    linked = scene.links.link(scene.context, made.version_id, registry, "qwen", aliases=["x"])
    with pytest.raises(FailedPrecondition, match="alias 'x'"):
        scene.links.unlink(scene.context, linked.collection, made.version_id)
    scene.links.delete_alias(scene.context, linked.collection, made.version_id, "x")
    scene.links.unlink(scene.context, linked.collection, made.version_id)
    with pytest.raises(NotFound):
        scene.services.versions.get_version(scene.context, "qwen", 1)
    assert scene.links.link(scene.context, made.version_id, registry, "qwen").model_version == 2


def test_what_cannot_be_seen_does_not_exist(scene: Scene) -> None:
    """Another workspace's versions and client ids are answered as absent."""
    made = scene.version(client_id="c" * 128)
    stranger = a_context(an_actor("eve", Role.CONTRIBUTOR, workspace="elsewhere"))
    with pytest.raises(NotFound):
        scene.reads.get(stranger, made.version_id)
    assert scene.reads.find_by_client_id(stranger, "c" * 128) is None
    found = scene.reads.find_by_client_id(scene.context, "c" * 128)
    assert found is not None
    assert found.pk == made.pk


def test_a_viewer_reads_and_does_not_write(scene: Scene) -> None:
    """Writing needs the right to track."""
    made = scene.version()
    viewer = a_context(an_actor("vi", Role.VIEWER))
    assert scene.reads.get(viewer, made.version_id).pk == made.pk
    for refused in (
        lambda: scene.drafts.begin(viewer, "0", NewVersion("x", "dataset")),
        lambda: scene.edits.add_alias(viewer, made.version_id, "x"),
        lambda: scene.edits.delete_version(viewer, made.version_id),
        lambda: scene.links.link(viewer, made.version_id, HOME, "shelf"),
    ):
        with pytest.raises(PermissionDenied):
            refused()


def test_a_deleted_collection_begins_again_with_the_next_number(scene: Scene) -> None:
    """Its name is free for another type, its numbers are not."""
    made = scene.version("mix", "dataset")
    scene.edits.delete_collection(scene.context, made.collection)
    with pytest.raises(NotFound):
        scene.reads.get_collection(scene.context, HOME, "mix")
    assert scene.version("mix", "table").version_index == 1


def test_collections_are_listed_in_pages(scene: Scene) -> None:
    """By name, with types, and a token for the next page."""
    for name in ("c", "a", "b"):
        scene.version(name, "dataset" if name != "b" else "model")
    page = scene.reads.list_collections(scene.context, HOME, max_results=2)
    assert [one.name for one in page.items] == ["a", "b"]
    rest = scene.reads.list_collections(
        scene.context, HOME, max_results=2, page_token=page.next_token
    )
    assert ([one.name for one in rest.items], rest.next_token) == (["c"], None)
    assert scene.reads.list_types(scene.context, HOME) == ("dataset", "model")
