"""Render `docs/reference/{errors,http}.md` from the error tree and the endpoint records.

`python tools/render_reference.py` writes them; a test compares what is committed with what this renders.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from assay.domain import errors
from assay.domain.access import GRANTS, Action, Role, who_may
from assay.domain.errors import AppError
from assay.faces.endpoint import KIB, MIB, Endpoint
from assay.faces.native.errors import STATUS
from assay.faces.native.routes import ENDPOINTS

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
MADE_BY = "<!-- Rendered by tools/render_reference.py; edit the code instead. -->\n"


def error_page() -> str:
    """Every code with its status and its promise, from the docstrings of the tree."""
    rows = [
        f"| `{kind.code}` | {STATUS[kind.code]} | {_one_line(inspect.getdoc(kind) or '')} |"
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, AppError) and kind is not AppError
    ]
    return (
        f"{MADE_BY}# Errors\n\n"
        "Every refusal of the native API is JSON:\n\n"
        "```json\n"
        '{"error": {"code": "lineage_incomplete", "message": "…", "field": "data_version",\n'
        '           "details": {"missing": ["data_version"]}, "request_id": "3f9c2a41-17"}}\n'
        "```\n\n"
        "`message` is a sentence that says what to do, `field` the input that it is about, `details` what a\n"
        "program can use, and `request_id` finds the request in the server's log. Nothing was written\n"
        "when an error is answered.\n\n"
        "| code | status | meaning |\n|---|---|---|\n" + "\n".join(sorted(rows)) + "\n"
    )


def http_page() -> str:
    """Every route with its permission and limits, then who holds which permission."""
    groups: dict[str, list[Endpoint]] = {}
    for endpoint in ENDPOINTS:
        groups.setdefault(endpoint.name.partition(".")[0], []).append(endpoint)
    intro = (
        "All routes of `/api/v1`. `GET /api/v1/openapi.json` describes bodies and answers. A credential is\n"
        "sent as `Authorization: Bearer TOKEN`, a workspace other than `default` as\n"
        "`X-Assay-Workspace: NAME`. Errors: [errors.md](errors.md).\n"
    )
    parts = [f"{MADE_BY}# HTTP API\n\n", intro]
    for name in sorted(groups):
        parts.append(f"\n## {name}\n\n| route | what | permission | body |\n|---|---|---|---|\n")
        parts += [_row(endpoint) for endpoint in groups[name]]
    parts.append("\n## Permissions\n\n| permission | " + " | ".join(Role) + " |\n")
    parts.append("|---" * (len(Role) + 1) + "|\n")
    for action in Action:
        if action in (Action.PUBLIC, Action.IDENTIFY):
            continue
        marks = " | ".join("yes" if action in GRANTS[role] else "" for role in Role)
        assert who_may(action), f"nobody may {action}"
        parts.append(f"| `{action.value}` | {marks} |\n")
    return "".join(parts)


def _row(endpoint: Endpoint) -> str:
    path = re.sub(r"\{(\w+)(:\w+)?\}", r"{\1}", endpoint.path)
    return (
        f"| `{endpoint.method} {path}` | {endpoint.summary} | `{endpoint.permission.value}` "
        f"| {_size(endpoint.body_limit)} |\n"
    )


def _size(limit: int) -> str:
    if not limit:
        return "none"
    if limit >= 1024 * 1024 * MIB:
        return "streamed"
    return f"≤ {limit // MIB} MiB" if limit >= MIB else f"≤ {limit // KIB} KiB"


def _one_line(text: str) -> str:
    return " ".join(text.split())


PAGES = {"errors.md": error_page, "http.md": http_page}


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, render in PAGES.items():
        (FOLDER / name).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
