"""Collections: named lines of artifact versions, their files, aliases, links and edges to runs."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, PrimaryKeyConstraint, UniqueConstraint

from assay.storage.tables.columns import number, serial, table, text

collections = table(
    "collections",
    serial(),
    number("workspace_id", ForeignKey("workspaces.id")),
    # NULL for a collection of a registry, which belongs to the whole workspace.
    number("experiment_id", ForeignKey("experiments.id"), null=True),
    # `experiment:<id>` or `registry:<name>`: names are unique within it.
    text("place"),
    text("name"),
    text("type"),
    # sequence: versions are made here | portfolio: versions of sequences are linked here
    text("kind"),
    text("description"),
    text("lifecycle"),
    # The index of the next version. It only grows, so that an index is never given twice.
    number("next_index"),
    text("created_by"),
    number("created_at_ms"),
    number("updated_at_ms"),
    UniqueConstraint("workspace_id", "place", "name"),
)

collection_tags = table(
    "collection_tags",
    number("collection_id", ForeignKey("collections.id")),
    text("tag"),
    PrimaryKeyConstraint("collection_id", "tag"),
    rowid=False,
)

collection_versions = table(
    "collection_versions",
    serial(),
    text("version_id"),
    number("collection_id", ForeignKey("collections.id")),
    # NULL until committed.
    number("version_index", null=True),
    # pending | committed | deleted
    text("state"),
    # SHA-256 over the canonical list of files and references; NULL until committed.
    text("digest", null=True),
    # What the client calls its content, unverified until the commit.
    text("client_digest", null=True),
    # A draft whose content was there already stands for that version.
    number("same_as_pk", ForeignKey("collection_versions.id"), null=True),
    text("description"),
    # A JSON object, as sent.
    text("metadata"),
    number("ttl_s", null=True),
    number("file_count"),
    number("size_bytes"),
    # The aliases that the commit sets, a JSON list.
    text("wanted_aliases"),
    # The run that made it, where one did.
    number("run_pk", ForeignKey("runs.id"), null=True),
    number("step", null=True),
    text("created_by"),
    number("created_at_ms"),
    number("updated_at_ms"),
    number("committed_at_ms", null=True),
    UniqueConstraint("version_id"),
    UniqueConstraint("collection_id", "version_index"),
    Index("ix_collection_versions_digest", "collection_id", "digest"),
    Index("ix_collection_versions_client_digest", "collection_id", "client_digest"),
    Index("ix_collection_versions_run_pk", "run_pk", "id"),
)

collection_version_tags = table(
    "collection_version_tags",
    number("version_pk", ForeignKey("collection_versions.id")),
    text("tag"),
    PrimaryKeyConstraint("version_pk", "tag"),
    rowid=False,
)

collection_files = table(
    "collection_files",
    number("version_pk", ForeignKey("collection_versions.id")),
    text("path"),
    # NULL for a reference, and in a draft for a file that is announced and not there yet.
    text("sha256", ForeignKey("blobs.sha256"), null=True),
    number("size_bytes", null=True),
    # The address of bytes that are kept elsewhere.
    text("reference", null=True),
    PrimaryKeyConstraint("version_pk", "path"),
    rowid=False,
)
Index("ix_collection_files_sha256", collection_files.c.sha256)

collection_file_digests = table(
    "collection_file_digests",
    number("version_pk", ForeignKey("collection_versions.id")),
    text("path"),
    # `md5` in base64 for files (verified where the bytes are here), free text for references.
    text("digest"),
    PrimaryKeyConstraint("version_pk", "path"),
    Index("ix_collection_file_digests_digest", "digest"),
    rowid=False,
)

collection_manifests = table(
    "collection_manifests",
    serial(),
    text("manifest_id"),
    number("version_pk", ForeignKey("collection_versions.id")),
    # full | patch | incremental
    text("kind"),
    text("digest"),
    number("base_pk", ForeignKey("collection_versions.id"), null=True),
    text("sha256", ForeignKey("blobs.sha256"), null=True),
    number("size_bytes", null=True),
    number("created_at_ms"),
    UniqueConstraint("manifest_id"),
    Index("ix_collection_manifests_version_pk", "version_pk", "id"),
)

collection_client_ids = table(
    "collection_client_ids",
    text("client_id"),
    number("version_pk", ForeignKey("collection_versions.id")),
    PrimaryKeyConstraint("client_id", "version_pk"),
    Index("ix_collection_client_ids_version_pk", "version_pk"),
    rowid=False,
)

collection_aliases = table(
    "collection_aliases",
    number("collection_id", ForeignKey("collections.id")),
    text("alias"),
    number("version_pk", ForeignKey("collection_versions.id")),
    PrimaryKeyConstraint("collection_id", "alias"),
    Index("ix_collection_aliases_version_pk", "version_pk"),
    rowid=False,
)

collection_links = table(
    "collection_links",
    serial(),
    # The portfolio, and the version that is linked into it.
    number("collection_id", ForeignKey("collections.id")),
    number("version_pk", ForeignKey("collection_versions.id")),
    number("version_index"),
    # In a registry of models: the model version that the link made.
    number("model_version_pk", ForeignKey("model_versions.id"), null=True),
    text("created_by"),
    number("created_at_ms"),
    UniqueConstraint("collection_id", "version_pk"),
    UniqueConstraint("collection_id", "version_index"),
    Index("ix_collection_links_version_pk", "version_pk"),
)

collection_uses = table(
    "collection_uses",
    number("run_pk", ForeignKey("runs.id")),
    number("version_pk", ForeignKey("collection_versions.id")),
    # input | output
    text("direction"),
    text("used_as"),
    number("step", null=True),
    number("created_at_ms"),
    PrimaryKeyConstraint("run_pk", "version_pk", "direction"),
    Index("ix_collection_uses_version_pk", "version_pk", "direction", "run_pk"),
    rowid=False,
)
