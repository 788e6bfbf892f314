"""The file of tokens that `assay login` writes: one per server address, readable by its owner only."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from assay.domain.errors import FailedPrecondition, Unavailable
from assay.sdk.settings import check_token, check_url, credentials_file


def find_token(url: str) -> str | None:
    """The token kept for a server, or None. Raises FailedPrecondition if the file is not usable."""
    return _read(credentials_file()).get(check_url(url))


def save_token(url: str, token: str) -> Path:
    """Keep a token for a server in place of an earlier one, and answer the file. Raises Unavailable."""
    path = credentials_file()
    _write(path, {**_read(path), check_url(url): check_token(token)})
    return path


def forget_token(url: str) -> bool:
    """Drop the token of a server; False when there was none."""
    path = credentials_file()
    tokens = _read(path)
    if tokens.pop(check_url(url), None) is None:
        return False
    _write(path, tokens)
    return True


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        msg = f"Cannot read the credentials in {path}: {error.strerror}."
        raise FailedPrecondition(msg) from error
    except ValueError:
        content = None
    servers = content.get("servers") if isinstance(content, dict) else None
    if not isinstance(servers, dict) or not all(isinstance(v, str) for v in servers.values()):
        msg = f"{path} is not a file of `assay login`; move it away and log in again."
        raise FailedPrecondition(msg)
    return servers


def _write(path: Path, tokens: dict[str, str]) -> None:
    text = json.dumps({"servers": tokens}, indent=2, sort_keys=True) + "\n"
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        msg = f"Cannot write the credentials to {path}: {error.strerror}."
        raise Unavailable(msg) from error
