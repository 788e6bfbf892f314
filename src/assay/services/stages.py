"""Stages: labels of versions that older clients know. They carry no rights, and open no side door."""

from __future__ import annotations

from assay.domain.access import Action
from assay.domain.errors import FailedPrecondition
from assay.domain.event_target import version_target
from assay.domain.names import MAX_ALIAS, check_text, is_protected
from assay.domain.registry import ModelVersion
from assay.services.aliases import Aliases
from assay.services.catalogue import complete_version, get_model, get_version, get_workspace
from assay.services.checks import protected_alias
from assay.services.context import Context
from assay.services.ledger import Ledger
from assay.services.platform import Platform
from assay.storage import model_versions
from assay.storage.database import Transaction


class Stages:
    """Labels versions with stages."""

    def __init__(self, platform: Platform, ledger: Ledger, aliases: Aliases) -> None:
        self._platform = platform
        self._ledger = ledger
        self._aliases = aliases

    def transition(
        self,
        context: Context,
        model: str,
        version: int | str,
        stage: str,
        *,
        others_to: str | None = None,
    ) -> ModelVersion:
        """Label the version with `stage` ('' for none), and those that had it with `others_to`.

        A stage that is called like a protected alias is given by a promotion to that alias, under
        all its rules, and never to two versions. Who holds such an alias keeps its stage:
        FailedPrecondition.
        """
        context.require(Action.REGISTRY_WRITE)
        check_text(stage, "stage", max_length=MAX_ALIAS)
        with self._platform.database.read() as tx:
            protected = get_workspace(tx, self._platform, context.workspace).policy.protected
        alias = protected_alias(stage, protected)
        if alias is not None:
            self._aliases.set_alias(context, model, alias, version)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            owner = get_model(tx, context, model)
            found = complete_version(tx, get_version(tx, owner, version))
            self._check(tx, context, found, stage)
            left: list[int] = []
            instead = "" if others_to is None and is_protected(stage, protected) else others_to
            if instead is not None and stage:
                left = model_versions.take_stage(tx, owner.pk, stage, instead, context.now_ms)
            model_versions.set_stage(tx, found.pk, stage, context.now_ms)
            self._ledger.record(
                tx,
                context,
                action="version.stage_changed",
                object=version_target(model, found.version),
                workspace=owner.workspace,
                details={"stage": stage, "left": [n for n in left if n != found.version]},
            )
            return complete_version(tx, get_version(tx, owner, version))

    def _check(self, tx: Transaction, context: Context, version: ModelVersion, stage: str) -> None:
        protected = get_workspace(tx, self._platform, context.workspace).policy.protected
        held = {alias.casefold() for alias in version.aliases if is_protected(alias, protected)}
        if is_protected(stage, protected) and stage.casefold() not in held:
            raise FailedPrecondition(
                f"Version {version.version} lost {stage!r} at this moment; look again.",
                field="stage",
            )
        if version.stage.casefold() in held and stage.casefold() != version.stage.casefold():
            raise FailedPrecondition(
                f"Version {version.version} holds {version.stage.lower()!r} and keeps that stage: "
                "promote another version, or roll back.",
                field="stage",
            )
