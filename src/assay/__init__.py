"""Assay, the record-keeper of post-training: what a training script imports.

    import assay

    lineage = assay.Lineage(data_version=assay.data_version("data"), base_model="…", seed=7)
    with assay.start_run("sft-sweep", lineage=lineage) as run:
        run.log_params({"lr": 2e-5})
        run.log({"train/loss": 0.7}, step=0)
        run.log_artifacts("adapter", "adapter")
        run.register("support-bot", "adapter")

Recording writes to a file and returns; it neither waits for the server nor raises because of it.
Everything here loads when it is first used, so `import assay` costs next to nothing.
"""

from __future__ import annotations

from typing import Any, Final

# `__init__.pyi` declares these for type checkers.
_HOMES: Final = {
    "ApiError": "assay.sdk.errors",
    "AppError": "assay.domain.errors",
    "Client": "assay.sdk.client",
    "Lineage": "assay.domain.lineage",
    "Run": "assay.sdk.run",
    "ServerUnreachable": "assay.sdk.errors",
    "SyncReport": "assay.sdk.sync",
    "data_version": "assay.sdk.data_versions",
    "dvc_data_version": "assay.sdk.data_versions",
    "git_data_version": "assay.sdk.data_versions",
    "start_run": "assay.sdk.start",
    "sync": "assay.sdk.sync",
}


__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the names of one table


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("assay")
    elif name in _HOMES:
        from importlib import import_module

        value = getattr(import_module(_HOMES[name]), name)
    else:
        msg = f"module 'assay' has no attribute {name!r}"
        raise AttributeError(msg)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted(__all__)
