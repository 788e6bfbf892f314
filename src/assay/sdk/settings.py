"""Where the server is, who we are to it, and where a run keeps what it has not sent yet.

An argument wins over the environment, the environment over the file that `assay login` writes, and
that over the default. Nothing else in the client reads the environment.
"""

from __future__ import annotations

import os
import re
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from assay.domain.errors import InvalidArgument
from assay.domain.names import check_workspace_name
from assay.domain.tracking import DEFAULT_WORKSPACE

DEFAULT_URL: Final = "http://127.0.0.1:7475"
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")
_OFF: Final = frozenset({"0", "false", "no", "off"})


class Mode(StrEnum):
    """`online` sends while it runs, `offline` keeps everything for `assay sync`, `disabled` records nothing."""

    ONLINE = "online"
    OFFLINE = "offline"
    DISABLED = "disabled"


def url_of(url: str | None = None) -> str:
    """The server's address: the argument, then ASSAY_URL, then the default. Raises InvalidArgument."""
    return check_url(url or os.environ.get("ASSAY_URL") or DEFAULT_URL)


def token_of(token: str | None = None) -> str | None:
    """The credential: the argument, then ASSAY_TOKEN, else None. Raises InvalidArgument."""
    chosen = token or os.environ.get("ASSAY_TOKEN")
    return check_token(chosen) if chosen else None


def workspace_of(workspace: str | None = None) -> str:
    """The workspace: the argument, then ASSAY_WORKSPACE, then the default. Raises InvalidArgument."""
    return check_workspace_name(
        workspace or os.environ.get("ASSAY_WORKSPACE") or DEFAULT_WORKSPACE, "workspace"
    )


def check_url(url: str) -> str:
    """An http(s) address without credentials, query or closing slash; else InvalidArgument."""
    parts = urlsplit(url.strip())
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == -1:
        raise InvalidArgument(
            f"The server (--url, url= or ASSAY_URL) must be an address such as {DEFAULT_URL}, "
            f"not {url[:200]!r}.",
            field="url",
        )
    if parts.username is not None or parts.password is not None:
        raise InvalidArgument(
            "The server's address must not carry a credential; put it in ASSAY_TOKEN or use "
            "`assay login`.",
            field="url",
        )
    if parts.query or parts.fragment:
        raise InvalidArgument(
            "The server's address must not have a query or a fragment.", field="url"
        )
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def check_token(token: str) -> str:
    """A credential without surrounding white space; InvalidArgument (which does not quote it) otherwise."""
    bare = token.strip()
    if _TOKEN.fullmatch(bare) is None:
        raise InvalidArgument("The token must be printable ASCII without spaces.", field="token")
    return bare


def mode_of(mode: str | None = None) -> Mode:
    """The mode of a run: the argument, then ASSAY_MODE, then `online`. Raises InvalidArgument."""
    text = mode or os.environ.get("ASSAY_MODE") or Mode.ONLINE
    try:
        return Mode(text)
    except ValueError:
        raise InvalidArgument(
            f"mode (ASSAY_MODE) is 'online', 'offline' or 'disabled', not {text!r}.", field="mode"
        ) from None


def git_is_asked() -> bool:
    """Whether git may be run for the code's commit (ASSAY_GIT=0 says no)."""
    return os.environ.get("ASSAY_GIT", "").strip().lower() not in _OFF


def spool_folder(spool: str | os.PathLike[str] | None = None) -> Path:
    """Where runs keep what is not sent: the argument, then ASSAY_SPOOL, then the user's state folder."""
    chosen = spool or os.environ.get("ASSAY_SPOOL")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return _user_folder("XDG_STATE_HOME", ".local/state") / "assay" / "spool"


def credentials_file() -> Path:
    """Where `assay login` keeps tokens, one per address."""
    return _user_folder("XDG_CONFIG_HOME", ".config") / "assay" / "credentials.json"


def cache_folder() -> Path:
    """Where things are kept that can be fetched again, such as the bundles of exams."""
    return _user_folder("XDG_CACHE_HOME", ".cache") / "assay"


def _user_folder(variable: str, default: str) -> Path:
    chosen = os.environ.get(variable)
    # The specification of these variables says that a relative path is to be ignored.
    if chosen and Path(chosen).is_absolute():
        return Path(chosen)
    return Path.home() / default
