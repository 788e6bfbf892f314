"""How the ledger names the things of the registry: one text per kind, for `object` and for filters."""

from __future__ import annotations


def model_target(name: str) -> str:
    """A registered model."""
    return f"model:{name}"


def version_target(model: str, version: int) -> str:
    """A model version."""
    return f"version:{model}/{version}"


def alias_target(model: str, alias: str) -> str:
    """An alias of a model."""
    return f"alias:{model}@{alias}"


def suite_target(fingerprint: str) -> str:
    """An eval suite."""
    return f"suite:{fingerprint}"


def gate_target(name: str) -> str:
    """A gate, all its versions."""
    return f"gate:{name}"


def gate_run_target(gate_run_id: str) -> str:
    """A gate run and its verdict."""
    return f"gate_run:{gate_run_id}"


def runner_key_target(key_id: str) -> str:
    """A gate runner's public key."""
    return f"runner_key:{key_id}"


def freeze_target(freeze_id: str) -> str:
    """A freeze window."""
    return f"freeze:{freeze_id}"
