"""Collections, all of it: one field of `Services` behind which the parts are."""

from __future__ import annotations

from dataclasses import dataclass

from assay.services.aliases import Aliases
from assay.services.collection_drafts import CollectionDrafts
from assay.services.collection_edits import CollectionEdits
from assay.services.collection_links import CollectionLinks
from assay.services.collection_manifests import CollectionManifests
from assay.services.collection_reads import CollectionReads
from assay.services.platform import Platform
from assay.services.registration import Registration
from assay.services.versions import Versions


@dataclass(frozen=True, slots=True)
class Collections:
    """Drafts and their manifests, reading, editing, and links into portfolios and registries."""

    drafts: CollectionDrafts
    manifests: CollectionManifests
    reads: CollectionReads
    edits: CollectionEdits
    links: CollectionLinks


def build_collections(
    platform: Platform, registration: Registration, versions: Versions, aliases: Aliases
) -> Collections:
    """The parts on one platform."""
    return Collections(
        drafts=CollectionDrafts(platform),
        manifests=CollectionManifests(platform),
        reads=CollectionReads(platform),
        edits=CollectionEdits(platform),
        links=CollectionLinks(platform, registration, versions, aliases),
    )
