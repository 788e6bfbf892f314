"""Replaying the ledger: folding its events must give the alias and version tables exactly.

Models are known by the number that their registration records, since names change and are reused.
The `details` of every replayed action are one of the records below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import asdict, dataclass, fields
from typing import Final, NamedTuple, TypeAlias, TypeVar

from assay.domain.ledger import Event, EventAction, EventOutcome, Problem
from assay.domain.registry import VersionState


@dataclass(frozen=True, slots=True)
class ModelRegistered:
    """A model came into being under `name`."""

    model_id: int
    name: str


@dataclass(frozen=True, slots=True)
class ModelRenamed:
    """A model got a new `name`; versions and aliases moved along."""

    model_id: int
    name: str
    previous: str


@dataclass(frozen=True, slots=True)
class ModelDeleted:
    """A model was deleted, and with it every version and alias that it had."""

    model_id: int


@dataclass(frozen=True, slots=True)
class VersionRegistered:
    """A version came into being. Digest and fingerprint are None where it has no files or lineage."""

    model_id: int
    version: int
    artifact_digest: str | None
    fingerprint: str | None
    verifiable: bool


@dataclass(frozen=True, slots=True)
class VersionStateChanged:
    """A version was quarantined, cleared (back to `registered`) or deleted."""

    model_id: int
    version: int
    state: str
    previous: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AliasMoved:
    """An alias moved to `version` as `revision`: set freely, or by a promotion.

    `decision` is the promotion's evidence, None for a free move.
    """

    model_id: int
    alias: str
    version: int
    previous_version: int | None
    revision: int
    reason: str = ""
    decision: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class AliasRemoved:
    """An alias was taken away as `revision`; its revisions go on if it is set again."""

    model_id: int
    alias: str
    previous_version: int | None
    revision: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """An alias went back to `version`. `quarantined` is the version that it left, if it was set aside.

    The quarantine is part of this event: it has no `version.state_changed` of its own.
    """

    model_id: int
    alias: str
    version: int
    previous_version: int | None
    revision: int
    quarantined: int | None
    reason: str = ""


Details: TypeAlias = (
    ModelRegistered
    | ModelRenamed
    | ModelDeleted
    | VersionRegistered
    | VersionStateChanged
    | AliasMoved
    | AliasRemoved
    | RolledBack
)

_FORMS: Final[Mapping[str, type[Details]]] = {
    EventAction.MODEL_REGISTERED: ModelRegistered,
    EventAction.MODEL_RENAMED: ModelRenamed,
    EventAction.MODEL_DELETED: ModelDeleted,
    EventAction.VERSION_REGISTERED: VersionRegistered,
    EventAction.VERSION_STATE_CHANGED: VersionStateChanged,
    EventAction.ALIAS_SET: AliasMoved,
    EventAction.ALIAS_DELETED: AliasRemoved,
    EventAction.PROMOTION: AliasMoved,
    EventAction.ROLLBACK: RolledBack,
    EventAction.BREAK_GLASS: AliasMoved,
}
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "int": (int,),
    "str": (str,),
    "bool": (bool,),
    "int | None": (int, type(None)),
    "str | None": (str, type(None)),
    "Mapping[str, object] | None": (dict, type(None)),
}
_MEMBERS: Final = {
    form: {member.name: _TYPES[str(member.type)] for member in fields(form)}
    for form in _FORMS.values()
}
_ABSENT: Final = object()


class ModelState(NamedTuple):
    """What a row of the model table must say."""

    workspace: str | None
    name: str
    is_deleted: bool
    last_version: int


class VersionFacts(NamedTuple):
    """What a row of the version table must say."""

    state: str
    artifact_digest: str | None
    fingerprint: str | None
    verifiable: bool


class AliasState(NamedTuple):
    """What a row of the alias table must say; `version` is None once the alias was removed."""

    version: int | None
    revision: int


def details_record(details: Details) -> dict[str, object]:
    """The `details` of an event, for its body."""
    return asdict(details)


def parse_details(event: Event) -> Details | None:
    """The typed details of a replayed action, None for other actions; ValueError when malformed."""
    form = _FORMS.get(event.action)
    if form is None:
        return None
    given = event.details
    members = _MEMBERS[form]
    for name, allowed in members.items():
        value = given.get(name, _ABSENT)
        is_bool = isinstance(value, bool) and bool not in allowed
        if is_bool or not isinstance(value, allowed):
            raise ValueError(f"{event.action}: {name} is missing or of the wrong type")
    if len(given) != len(members):
        raise ValueError(f"{event.action}: unknown member {min(set(given) - set(members))}")
    return form(**given)  # type: ignore[arg-type] # every member was checked above


class Replay:
    """The registry as the ledger tells it. Feed events by `seq`, then compare with the tables.

    Its state is kept in the mappings that are given, which may lie in a file: it grows with the
    registry. Each event reads and writes a few entries, and never walks through all of them.
    """

    def __init__(
        self,
        models: MutableMapping[int, ModelState] | None = None,
        versions: MutableMapping[tuple[int, int], VersionFacts] | None = None,
        aliases: MutableMapping[tuple[int, str], AliasState] | None = None,
        held: MutableMapping[int, int] | None = None,
    ) -> None:
        self.models = {} if models is None else models
        self.versions = {} if versions is None else versions
        self.aliases = {} if aliases is None else aliases
        # How many aliases of a model hold a version.
        self._held = {} if held is None else held

    def apply(self, event: Event) -> Iterator[Problem]:
        """Fold one event; yields what contradicts the events before. Refused attempts fold nothing."""
        if event.outcome is not EventOutcome.ALLOWED:
            return
        try:
            details = parse_details(event)
        except ValueError as error:
            yield Problem(event.seq, "details", str(error))
            return
        if details is not None:
            for message in self._fold(event, details):
                yield Problem(event.seq, "replay", f"{event.action}: {message}")

    def compare(
        self,
        models: Mapping[int, ModelState],
        versions: Mapping[tuple[int, int], VersionFacts],
        aliases: Mapping[tuple[int, str], AliasState],
    ) -> Iterator[str]:
        """What the tables say otherwise than the ledger, in sentences; nothing when they agree."""
        yield from _differences("model", self.models, models)
        yield from _differences("version", self.versions, versions)
        yield from _differences("alias", self.aliases, aliases)

    def _fold(self, event: Event, details: Details) -> Iterator[str]:
        if isinstance(details, ModelRegistered):
            if details.model_id in self.models:
                yield "the model exists already"
            state = ModelState(event.workspace, details.name, is_deleted=False, last_version=0)
            self.models[details.model_id] = state
            return
        model = self.models.get(details.model_id)
        if model is None or model.is_deleted:
            yield "the model does not exist"
            return
        if isinstance(details, ModelRenamed):
            if model.name != details.previous:
                yield f"the model was called {model.name!r}, not {details.previous!r}"
            self.models[details.model_id] = model._replace(name=details.name)
        elif isinstance(details, ModelDeleted):
            yield from self._delete_model(details.model_id, model)
        elif isinstance(details, VersionRegistered):
            yield from self._register(details, model)
        elif isinstance(details, VersionStateChanged):
            yield from self._change_state(
                details.model_id, details.version, details.state, details.previous
            )
        else:
            yield from self._move(details)

    def _delete_model(self, model_id: int, model: ModelState) -> Iterator[str]:
        if self._held.get(model_id, 0):
            yield "an alias still held a version"
        self.models[model_id] = model._replace(is_deleted=True)

    def _register(self, details: VersionRegistered, model: ModelState) -> Iterator[str]:
        if details.version != model.last_version + 1:
            yield f"version {details.version} does not follow {model.last_version}"
        self.versions[details.model_id, details.version] = VersionFacts(
            VersionState.REGISTERED.value,
            details.artifact_digest,
            details.fingerprint,
            details.verifiable,
        )
        self.models[details.model_id] = model._replace(last_version=details.version)

    def _change_state(
        self, model_id: int, version: int, state: str, previous: str | None
    ) -> Iterator[str]:
        facts = self.versions.get((model_id, version))
        if facts is None:
            yield f"version {version} does not exist"
            return
        if previous is not None and facts.state != previous:
            yield f"version {version} was {facts.state}, not {previous}"
        if facts.state == VersionState.DELETED:
            yield f"version {version} is a tombstone"
        if state not in set(VersionState):
            yield f"{state!r} is not a state"
        self.versions[model_id, version] = facts._replace(state=state)

    def _move(self, details: AliasMoved | AliasRemoved | RolledBack) -> Iterator[str]:
        key = (details.model_id, details.alias)
        held = self.aliases.get(key, AliasState(None, 0))
        if details.revision != held.revision + 1:
            yield f"revision {details.revision} does not follow {held.revision}"
        if details.previous_version != held.version:
            yield f"the alias was on {held.version}, not on {details.previous_version}"
        target = None if isinstance(details, AliasRemoved) else details.version
        if target is not None:
            facts = self.versions.get((details.model_id, target))
            if facts is None or facts.state == VersionState.DELETED:
                yield f"version {target} does not exist"
        self.aliases[key] = AliasState(target, details.revision)
        gained = (target is not None) - (held.version is not None)
        if gained:
            self._held[details.model_id] = self._held.get(details.model_id, 0) + gained
        if isinstance(details, RolledBack) and details.quarantined is not None:
            yield from self._change_state(
                details.model_id, details.quarantined, VersionState.QUARANTINED.value, None
            )


K = TypeVar("K")
V = TypeVar("V")


def _differences(what: str, told: Mapping[K, V], kept: Mapping[K, V]) -> Iterator[str]:
    for key, state in told.items():
        if key not in kept:
            yield f"{what} {key}: in the ledger, not in the table"
        elif kept[key] != state:
            yield f"{what} {key}: the ledger says {state}, the table {kept[key]}"
    for key in kept:
        if key not in told:
            yield f"{what} {key}: in the table, not in the ledger"
