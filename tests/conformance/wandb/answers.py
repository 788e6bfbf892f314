"""What W&B's client needs of an answer: which fields are never null, and what is in them.

The client says nothing when an answer lacks something: it loses the run's data, or falls over.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from tests.support.front import Exchange

MAY_BE_NULL: Final = frozenset(
    {
        "bestLoss",
        "clientMutationId",
        "commit",
        "controller",
        "coreWeaveOrganizationId",
        "deletedAt",
        "description",
        "endCursor",
        "exitcode",
        "group",
        "groupName",
        "historyStep",
        "inserted",
        "jobType",
        "latestArtifact",
        "md5",
        "notes",
        "previousValue",
        "runCountExpected",
        "scheduler",
        "sweepName",
        "uploadMultipartUrls",
    }
)
"""Names of fields that may say that there is nothing."""

LOOKED_UP: Final = frozenset(
    {
        "artifact",
        "createArtifactFiles.files.edges[].node.uploadUrl",
        "entity.project",
        "entity.user",
        "latestLocalVersionInfo",
        "model",
        "model.bucket",
        "project",
        "project.artifact",
        "project.artifactCollection",
        "project.artifactCollectionMembership",
        "project.artifactType.artifactCollection",
        "project.bucket",
        "project.run",
        "project.sweep",
        "project.sweep.displayName",
        "project.sweeps.edges[].node.displayName",
        "serverInfo.latestLocalVersionInfo",
    }
)
"""Places of what is looked up and may not exist, or is here already."""


def _is_object_text(value: Any) -> bool:
    return isinstance(value, str) and isinstance(json.loads(value), dict)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


KINDS: Final[dict[str, Callable[[Any], bool]]] = {
    "config": _is_object_text,
    "createdAt": _matches(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?"),
    "cursor": _matches(r".+"),
    "digest": _matches(r".*"),
    "directUrl": _matches(r"[a-z][a-z0-9]*://.+"),
    "displayName": _matches(r".+"),
    "edges": _is_list,
    "fileCount": _is_whole,
    "hasNextPage": lambda value: isinstance(value, bool),
    "historyLineCount": _is_whole,
    "id": _matches(r".+"),
    "lastStep": _is_whole,
    "logLineCount": _is_whole,
    "metadata": _matches(r".*"),
    "name": _matches(r".+"),
    "projectId": _is_whole,
    "runCount": _is_whole,
    "size": _is_whole,
    "sizeBytes": _is_whole,
    "state": _matches(r"[A-Za-z]+"),
    "summaryMetrics": _is_object_text,
    "systemMetrics": _is_object_text,
    "totalCount": _is_whole,
    "ttlDurationSeconds": _is_whole,
    "uploadHeaders": _is_list,
    "uploadUrl": _matches(r"https?://.+/storage/.+"),
    "username": _matches(r".+"),
    "versionIndex": _is_whole,
}
"""What a field of that name holds when it is not null."""

FREE: Final = re.compile(r"project\.run\.historyKeys\.keys|.*[sS]weeps?\b.*\.config$")
"""Where users give the names, and where a config is no run's."""

NEEDED: Final = (
    "createArtifact.artifact.id",
    "createArtifact.artifact.state",
    "createArtifactFiles.files.edges[].node.artifact.id",
    "createArtifactManifest.artifactManifest.file.uploadUrl",
    "createArtifactManifest.artifactManifest.id",
    "createRunFiles.files[].name",
    "createRunFiles.files[].uploadUrl",
    "createRunFiles.runID",
    "project.artifactCollectionMembership.artifact.id",
    "project.artifactCollectionMembership.artifact.size",
    "project.artifactCollectionMembership.artifact.versionIndex",
    "project.run.historyKeys.lastStep",
    "project.run.name",
    "project.run.projectId",
    "project.run.user.name",
    "project.run.user.username",
    "upsertBucket.bucket.name",
    "upsertBucket.bucket.project.entity.name",
    "upsertBucket.bucket.project.name",
    "useArtifact.artifact.id",
    "viewer.entity",
    "viewer.flags",
    "viewer.teams.edges[].node.name",
)
"""Without these the client loses data without a word, or falls over: they must be there to be checked."""


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of an answer with its place; lists are `[]` whatever the index. Rows are the user's."""
    yield place, value
    if place.endswith((".sampledHistory", ".liveData")):
        return
    if isinstance(value, dict):
        for name, member in value.items():
            # What users named is no field of ours.
            inner = name if place.rpartition(".")[2] != "keys" else "*"
            yield from leaves(member, f"{place}.{inner}" if place else inner)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, f"{place}[]")


def faults(data: Any) -> list[str]:
    """What the client could not bear in an answer."""
    found = []
    for place, value in leaves(data):
        name = place.rpartition(".")[2]
        if value is None:
            if name not in MAY_BE_NULL and place not in LOOKED_UP:
                found.append(f"{place} is null")
        elif name in KINDS and not FREE.match(place) and not KINDS[name](value):
            found.append(f"{place} is {str(value)[:100]!r}")
    return found


def check_answers(exchanges: Iterable[Exchange]) -> None:
    """Every answer that is no refusal has all that the client asked for."""
    for each in exchanges:
        if each.answer is not None and not each.answer.get("errors"):
            wrong = faults(each.answer["data"])
            assert wrong == [], (each.request["query"], wrong)
