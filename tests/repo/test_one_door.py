"""Protected aliases have one door: only the promotion service asks for the moves that pass it."""

import ast

from tests.repo.sources import Module, modules

SOURCES = modules("src/assay")


def calling(name: str) -> set[str]:
    """The modules in which something of that name is called."""
    return {module.path for module in SOURCES if _calls(module, name)}


def _calls(module: Module, name: str) -> bool:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            called = node.func
            if getattr(called, "attr", getattr(called, "id", None)) == name:
                return True
    return False


def naming(owner: str, member: str) -> set[str]:
    """The modules that say `owner.member`."""
    return {
        module.path
        for module in SOURCES
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and node.attr == member
        and isinstance(node.value, ast.Name)
        and node.value.id == owner
    }


def test_alias_rows_are_written_in_one_place() -> None:
    """History and alias change together or not at all."""
    assert calling("point_alias") == {"src/assay/services/alias_moves.py"}
    assert calling("insert_move") == {"src/assay/services/alias_moves.py"}


def test_only_four_services_move_aliases() -> None:
    """Promotion moves protected ones; the others move free ones, or let one arrive, once, as imported."""
    assert calling("write_move") == {
        "src/assay/services/aliases.py",
        "src/assay/services/importing.py",
        "src/assay/services/promotion.py",
        "src/assay/services/registry.py",
    }


def test_the_kinds_that_pass_the_gate_are_asked_for_by_promotion_alone() -> None:
    """Whoever else writes a move of these kinds would be a second door."""
    writers = {"src/assay/services/alias_moves.py", "src/assay/services/promotion.py"}
    searching = {"src/assay/storage/aliases.py", "src/assay/storage/unexamined.py"}
    evidence = {"src/assay/services/audit_evidence.py"}
    readers = {"src/assay/domain/promotion.py", *evidence}

    assert naming("MoveKind", "PROMOTION") == writers | evidence | searching
    assert naming("MoveKind", "BREAK_GLASS") == writers | evidence | searching
    assert calling("break_through") == {"src/assay/services/break_glass.py"}
    assert naming("MoveKind", "ROLLBACK") <= writers | readers | {
        "src/assay/services/versions.py",
    }


def test_verdicts_are_written_in_one_place() -> None:
    """Evidence has one author: the gate run that the server scored."""
    assert calling("insert_verdict") == {"src/assay/services/gate_runs.py"}
