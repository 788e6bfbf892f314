"""A dataset or model of a Hugging Face hub at a revision, by its HTTP API. Runs in the child process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

import httpx2

from assay.closure.secret_names import SECRET
from assay.domain.closure import Finding, Status

TIMEOUT_S: Final = 30.0
_FOUND, _GONE, _UNSEEN = 200, 404, frozenset({401, 403})


def look_up(question: Mapping[str, Any]) -> Finding:
    """What the hub says of the revision. Bytes are not fetched, so `deep` asks nothing more."""
    name, revision = question["place"], question["revision"]
    kind = "datasets" if name.startswith("datasets/") else "models"
    plain = name.removeprefix("datasets/").removeprefix("models/")
    url = f"{question['location'].rstrip('/')}/api/{kind}/{plain}/revision/{revision}"
    token = os.environ.get(SECRET, "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx2.Client(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False) as client:
        answer = client.get(url, headers=headers)
    if answer.status_code == _FOUND:
        if answer.json().get("sha") != revision:
            return Finding(
                Status.UNSUPPORTED, "exists", "The revision is a name that moves, not a commit."
            )
        return Finding(Status.OK, "exists", "The hub has the revision; its bytes were not read.")
    if answer.status_code == _GONE:
        return Finding(Status.MISSING, message="The hub has no such revision.")
    if answer.status_code in _UNSEEN:
        return Finding(Status.UNKNOWN, message="The hub does not show it to these credentials.")
    return Finding(Status.UNKNOWN, message=f"The hub answered {answer.status_code}.")
