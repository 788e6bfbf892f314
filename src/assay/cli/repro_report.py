"""The report of a reproduction check for a CI job: JUnit XML, and Markdown for a job's summary."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring


def junit(claim: str, run_id: str, report: dict[str, Any]) -> str:
    """One test case for the lineage, one for each metric, one for the files where they are compared."""
    outcome = str(report["outcome"])
    suite = Element("testsuite", name=f"reproduction of {claim}")
    failures = 0
    lineage = SubElement(suite, "testcase", classname=claim, name="lineage")
    differences = [
        f"{row['path']}: claimed {row['claimed']}, found {row['found']} {row['hint']}".rstrip()
        for row in report["differences"]
    ]
    if differences:
        failures += _fail(lineage, "the lineage differs", differences)
    for row in report["metrics"]:
        case = SubElement(suite, "testcase", classname=claim, name=str(row["metric"]))
        if not row["is_within"]:
            failures += _fail(
                case,
                "outside of the tolerance",
                [f"claimed {row['claimed']}, found {row['found']}"],
            )
    overall = SubElement(suite, "testcase", classname=claim, name="reproduction")
    if outcome != "reproduced":
        failures += _fail(overall, outcome, report["reasons"])
    cases = len(suite)
    properties = SubElement(suite, "properties")
    SubElement(properties, "property", name="run_id", value=run_id)
    SubElement(properties, "property", name="outcome", value=outcome)
    suite.set("tests", str(cases))
    suite.set("failures", str(failures))
    return tostring(suite, encoding="unicode", xml_declaration=True)


def _fail(case: Element, message: str, lines: list[str]) -> int:
    failure = SubElement(case, "failure", message=message)
    failure.text = "\n".join(lines)
    return 1


def markdown(claim: str, run_id: str, report: dict[str, Any]) -> str:
    """A heading, the reasons and two tables."""
    lines = [
        f"## {str(report['outcome']).replace('_', ' ').capitalize()}: {_cell(claim)}",
        "",
        f"Run `{run_id}`.",
        *(f"- {_cell(reason)}" for reason in report["reasons"]),
    ]
    if report["metrics"]:
        lines += ["", "| metric | claimed | found | within |", "|---|---|---|---|"]
        lines += [
            f"| {_cell(row['metric'])} | {row['claimed']} | {row['found'] or 'none'} | "
            f"{'yes' if row['is_within'] else '**no**'} |"
            for row in report["metrics"]
        ]
    if report["differences"]:
        lines += ["", "| lineage | claimed | found | |", "|---|---|---|---|"]
        lines += [
            f"| {_cell(row['path'])} | {_cell(row['claimed'])} | {_cell(row['found'])} | "
            f"{_cell(row['hint'] or row['change'])} |"
            for row in report["differences"]
        ]
    if report["is_bitwise"] is not None:
        lines += [
            "",
            f"Files: {'equal' if report['is_bitwise'] else '**not equal**'}, bit for bit.",
        ]
    return "\n".join(lines)


def _cell(value: object) -> str:
    text = "nothing" if value is None else str(value)
    for character in "\\`*_{}[]<>|#":
        text = text.replace(character, f"\\{character}")
    return text.replace("\n", " ")
