"""Where a source's files lie on this machine, and which of them a model version is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from assay.domain.errors import InvalidArgument
from assay.importing.history import Version

_MODEL_URI: Final = re.compile(r"models:/(m-[0-9a-f]{32})/?")
_RUN_URI: Final = re.compile(r"runs:/([^/]+)(?:/(.*))?")
_ID: Final = re.compile(r"m-[0-9a-f]{32}|[0-9a-f]{32}")
_PARTS_OF_PLACE: Final = (3, 4)
"""`<experiment>/<run>/artifacts` and `<experiment>/models/<model>/artifacts`."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """Everything that a source says lies below `prefix` is found below `folder`."""

    prefix: str
    folder: Path


class Locations:
    """Finds the folder of an address. `places` are a folder, or `ADDRESS=FOLDER`, each."""

    def __init__(self, places: Sequence[str]) -> None:
        self._mappings: list[Mapping] = []
        self._roots: list[Path] = []
        for place in places:
            prefix, has_prefix, folder = place.rpartition("=")
            found = Path(folder if has_prefix else place).expanduser()
            if not found.is_dir():
                raise InvalidArgument(f"There is no folder {str(found)!r}.", field="artifacts")
            if has_prefix:
                self._mappings.append(Mapping(plain(prefix), found))
            else:
                self._roots.append(found)

    def folder_of(self, address: str, files_at: str = "") -> Path | None:
        """The folder that holds what is at an address, which may be missing if nothing was put there.

        None when nothing on this machine can be it: then its files cannot be had.
        """
        if files_at and Path(files_at).is_dir():
            return Path(files_at)
        wanted = plain(address)
        for mapping in self._mappings:
            if wanted == mapping.prefix or wanted.startswith(mapping.prefix + "/"):
                return mapping.folder / wanted[len(mapping.prefix) :].lstrip("/")
        for found in self._below_roots(wanted):
            if found.is_dir():
                return found
        local = None if urlsplit(wanted).scheme else Path(wanted)
        if local is not None and _is_at_home(local):
            return local
        if files_at or (self._roots and _parts(wanted)):
            return Path(files_at) if files_at else next(self._below_roots(wanted))
        return None

    def _below_roots(self, wanted: str) -> Iterator[Path]:
        parts = _parts(wanted)
        for root in self._roots:
            for count in _PARTS_OF_PLACE:
                if len(parts) >= count:
                    yield root.joinpath(*parts[-count:])


def plain(address: str) -> str:
    """An address without a closing slash; that of a local file as a path."""
    if address.startswith("file:"):
        return unquote(urlsplit(address).path).rstrip("/")
    return address.rstrip("/")


def _parts(wanted: str) -> list[str]:
    parts = [part for part in urlsplit(wanted).path.split("/") if part]
    return [] if {".", ".."} & set(parts) else parts


def _is_at_home(local: Path) -> bool:
    """Whether the folder, or one of those that MLflow would have made it in, is on this machine."""
    return local.is_absolute() and any(
        place.is_dir() and place != place.parent for place in (local, *list(local.parents)[:4])
    )


@dataclass(frozen=True, slots=True)
class Files:
    """The files that a version is made of: a folder of a run, or a logged model."""

    run_id: str | None = None
    path: str | None = None
    model_id: str | None = None


@dataclass(slots=True)
class Places:
    """Where runs and logged models keep their files, by id, as their source addresses them."""

    runs: dict[str, str] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)

    def files_of(self, version: Version) -> Files:
        """What the version's source names; of a run alone where its files are nobody's here."""
        run_id = version.run_id if version.run_id in self.runs else None
        if version.model_id in self.models:
            return Files(model_id=version.model_id)
        for address in (version.source, version.storage):
            found = self._named(address) or self._below(plain(address), run_id)
            if found is not None:
                return found
        return Files(run_id=run_id)

    def _named(self, address: str) -> Files | None:
        model = _MODEL_URI.fullmatch(address)
        if model is not None and model[1] in self.models:
            return Files(model_id=model[1])
        run = _RUN_URI.fullmatch(address)
        if run is not None and run[1] in self.runs:
            return Files(run_id=run[1], path=(run[2] or "").strip("/"))
        return None

    def _below(self, wanted: str, run_id: str | None) -> Files | None:
        for name in [*_ID.findall(wanted), *([run_id] if run_id else [])]:
            home = self.models.get(name)
            if home is not None and wanted == plain(home):
                return Files(model_id=name)
            home = self.runs.get(name)
            if home is not None and f"{wanted}/".startswith(f"{plain(home)}/"):
                return Files(run_id=name, path=wanted[len(plain(home)) :].strip("/"))
        return None
