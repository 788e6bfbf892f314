"""A small eval suite, as JSON, for the tests of suites and gates."""

from typing import Any

from assay.domain.evaluation import Suite, parse_suite

DATA, SCORER, HARNESS = "d" * 64, "5" * 64, "7" * 64


def a_task(**changes: Any) -> dict[str, Any]:
    """A task of four items, scored for correctness between 0 and 1."""
    return {
        "name": "arithmetic",
        "dataset_digest": DATA,
        "split": "test",
        "items": [{"id": f"q{i}", "digest": f"{i:064x}"} for i in range(4)],
        "scorer_digest": SCORER,
        "metrics": [{"name": "accuracy", "direction": "maximize", "low": 0, "high": 1}],
        **changes,
    }


def a_record(*tasks: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A suite of the given tasks, or of the usual one."""
    return {
        "harness": {"name": "assay-scorer", "version": "1", "digest": HARNESS},
        "tasks": list(tasks) or [a_task()],
        **changes,
    }


def a_suite(*tasks: dict[str, Any]) -> Suite:
    """The same as a value."""
    return parse_suite(a_record(*tasks))
