"""From what people type to what the API wants: names of experiments, starts of run ids, model references."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.domain.errors import FailedPrecondition, InvalidArgument, NotFound
from assay.domain.ids import parse_version
from assay.domain.names import check_alias, check_model_name
from assay.sdk.client import url_path
from assay.sdk.errors import ApiError

if TYPE_CHECKING:
    from assay.sdk.client import Client

RUN_SHOWN = 12
PAGE = 1_000
_WHOLE_RUN_ID = re.compile(r"[0-9a-f]{32}")
_START_OF_RUN_ID = re.compile(r"[0-9A-Za-z_\-]{4,255}")
_EXPERIMENTS_MAX = 1_000


def collect(
    fetch: Callable[[int, str | None], dict[str, Any]], field: str, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """Up to `limit` rows of a paged listing, and whether there are more.

    `fetch(max_results, page_token)` answers a page whose rows are under `field`.
    """
    rows: list[dict[str, Any]] = []
    token: str | None = None
    while True:
        page = fetch(min(PAGE, limit - len(rows)), token)
        rows += page[field]
        token = page.get("next_page_token")
        if token is None or len(rows) >= limit:
            return rows[:limit], token is not None


def find_experiment(client: Client, text: str) -> dict[str, Any]:
    """The active experiment of that name, or else of that id."""
    # The search language has no escape: a name with quotes of both kinds is looked for one by one.
    mark = next((mark for mark in ("'", '"') if mark not in text), None)

    def fetch(max_results: int, token: str | None) -> dict[str, Any]:
        wanted = f"name = {mark}{text}{mark}" if mark is not None else ""
        body = {"filter": wanted, "max_results": max_results, "page_token": token}
        return dict(client.post("/experiments/search", body))

    listed, _ = collect(fetch, "experiments", _EXPERIMENTS_MAX)
    found = [row for row in listed if row["name"] == text]
    if found:
        return found[0]
    if text.isdigit():
        return dict(client.get(url_path("experiments", text)))
    raise NotFound(
        f"There is no experiment {text!r}; `assay experiments list` shows those that are."
    )


def experiment_ids(client: Client, named: Sequence[str]) -> list[str]:
    """The ids of the named experiments; of all active ones when none is named."""
    if named:
        return [find_experiment(client, text)["experiment_id"] for text in named]

    def fetch(max_results: int, token: str | None) -> dict[str, Any]:
        body = {"max_results": max_results, "page_token": token}
        return dict(client.post("/experiments/search", body))

    found, is_more = collect(fetch, "experiments", _EXPERIMENTS_MAX)
    if is_more:
        raise FailedPrecondition(
            f"There are more than {_EXPERIMENTS_MAX} experiments; name some with --experiment."
        )
    return [row["experiment_id"] for row in found]


def run_id_of(client: Client, text: str) -> str:
    """The run with that id, or the only one whose id starts so (at least 4 characters)."""
    if _WHOLE_RUN_ID.fullmatch(text):
        return text
    if _START_OF_RUN_ID.fullmatch(text) is None:
        raise InvalidArgument(
            f"{text!r} is not a run id, nor at least 4 characters of the start of one; "
            "`assay runs list` shows them."
        )
    try:
        return str(client.get(url_path("runs", text))["run_id"])
    except ApiError as error:
        if error.code != "not_found":
            raise
    # An underscore is a wildcard of LIKE, so what is found is compared again.
    body = {
        "experiment_ids": experiment_ids(client, ()),
        "filter": f"attributes.run_id LIKE '{text}%'",
        "view": "all",
        "max_results": 20,
    }
    found = [
        run["run_id"]
        for run in client.post("/runs/search", body)["runs"]
        if run["run_id"].startswith(text)
    ]
    if len(found) == 1:
        return str(found[0])
    if not found:
        raise NotFound(f"There is no run {text!r}; `assay runs list` shows those that are.")
    shown = ", ".join(run_id[: RUN_SHOWN + 4] for run_id in found[:5])
    raise InvalidArgument(f"{text!r} is the start of several run ids ({shown}); write more of it.")


@dataclass(frozen=True, slots=True)
class ModelReference:
    """A model, and of its versions the one that is named: by number, by alias, or none."""

    name: str
    version: int | None = None
    alias: str | None = None

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.name}/{self.version}"
        return f"{self.name}@{self.alias}" if self.alias is not None else self.name


def parse_reference(text: str) -> ModelReference:
    """NAME, NAME/VERSION or NAME@ALIAS, also after `models:/`. Raises InvalidArgument."""
    bare = text.removeprefix("models:/")
    name, slash, version = bare.partition("/")
    if slash:
        return ModelReference(check_model_name(name, "model"), version=parse_version(version))
    name, at, alias = bare.rpartition("@")
    if at:
        return ModelReference(check_model_name(name, "model"), alias=check_alias(alias))
    return ModelReference(check_model_name(bare, "model"))


def version_of(client: Client, reference: ModelReference) -> int:
    """The number of the version that a reference names. Raises InvalidArgument when it names none."""
    if reference.version is not None:
        return reference.version
    if reference.alias is None:
        raise InvalidArgument(
            f"Say which version of {reference.name!r}: {reference.name}@production or "
            f"{reference.name}/1; `assay models show {reference.name}` lists them."
        )
    address = url_path("models", reference.name, "aliases", reference.alias)
    return int(client.get(address)["version"]["version"])


def version_path(name: str, version: int) -> str:
    """The API path of a version."""
    return url_path("models", name, "versions", version)
