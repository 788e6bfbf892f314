"""One version of an object in an S3 bucket: its head, by obstore. Runs in the child process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

import obstore
from obstore.exceptions import PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from assay.closure.secret_names import KEY, SECRET
from assay.domain.closure import Finding, Status

TIMEOUT: Final = "20s"


def look_up(question: Mapping[str, Any]) -> Finding:
    """Whether the bucket still has that version; `deep` also reads it, and compares its size."""
    if not question["value"]:
        return Finding(Status.UNSUPPORTED, message="Without a versionId any bytes would do.")
    location = question["location"]
    key, secret = os.environ.get(KEY), os.environ.get(SECRET)
    signed: dict[str, Any] = {}
    if key and secret:
        signed = {"access_key_id": key, "secret_access_key": secret}
    store = S3Store(
        question["place"],
        endpoint=location,
        region=os.environ.get("AWS_REGION", "us-east-1"),
        skip_signature=not signed,
        client_options={"timeout": TIMEOUT, "allow_http": location.startswith("http://")},
        retry_config={"max_retries": 1},
        **signed,
    )
    wanted: obstore.GetOptions = {"version": question["value"], "head": not question["deep"]}
    try:
        answer = obstore.get(store, question["path"], options=wanted)
    except FileNotFoundError:
        return Finding(Status.MISSING, message="The bucket has no such version of the object.")
    except (PermissionDeniedError, UnauthenticatedError):
        return Finding(Status.UNKNOWN, message="The bucket refuses the credentials.")
    if not question["deep"]:
        return Finding(Status.OK, "exists", "The bucket has that version.")
    size = sum(len(piece) for piece in answer.stream())
    if size != answer.meta["size"]:
        return Finding(Status.CORRUPT, "read", "The object ends before its recorded size.")
    return Finding(Status.OK, "read", f"{size} bytes were read; S3 keeps no digest to compare.")
