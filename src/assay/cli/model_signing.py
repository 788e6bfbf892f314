"""OpenSSF signatures of a version's files, made and checked where the key is: on this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from assay.domain.errors import DataCorrupted, FailedPrecondition, InvalidArgument


def sign_folder(folder: Path, private_key: Path) -> str:
    """The signature of everything in the folder, as model-signing writes it."""
    signing, hashing = _library("signing"), _library("hashing")
    with tempfile.TemporaryDirectory(prefix="assay-sign-") as place:
        signature = Path(place, "model.sig")
        try:
            signing.Config().use_elliptic_key_signer(private_key=private_key).set_hashing_config(
                _whole(hashing)
            ).sign(folder, signature)
        except (OSError, ValueError) as error:
            raise InvalidArgument(f"Cannot sign with {private_key}: {error}", field="key") from None
        return signature.read_text("utf-8")


def verify_folder(folder: Path, public_key: Path, bundles: Iterable[str]) -> None:
    """Pass if one of the signatures was made with that key over exactly these files.

    Raises FailedPrecondition when there is no signature, DataCorrupted when none holds.
    """
    given = list(bundles)
    if not given:
        raise FailedPrecondition(
            "The version has no signature. Make one with `assay provenance sign`.", field="version"
        )
    verifying, hashing = _library("verifying"), _library("hashing")
    if not public_key.is_file():
        raise InvalidArgument(f"There is no key {public_key}.", field="key")
    why = ""
    with tempfile.TemporaryDirectory(prefix="assay-verify-") as place:
        signature = Path(place, "model.sig")
        for bundle in given:
            signature.write_text(bundle, "utf-8")
            try:
                verifying.Config().use_elliptic_key_verifier(
                    public_key=public_key
                ).set_hashing_config(_whole(hashing)).verify(folder, signature)
            except Exception as error:  # noqa: BLE001 -- the library raises what its parts raise
                why = str(error)
            else:
                return
    raise DataCorrupted(f"No signature of these files holds for this key: {why[:300]}")


def _whole(hashing: Any) -> Any:
    # By default files whose names begin with .git are left out: nobody would notice a change there.
    return hashing.Config().set_ignored_paths(paths=(), ignore_git_paths=False)


def _library(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"model_signing.{name}")
    except ModuleNotFoundError:
        raise FailedPrecondition(
            "Signing files needs model-signing: pip install 'assay[signing]'."
        ) from None
