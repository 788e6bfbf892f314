"""`python -m bench`: every case against Assay and its peers, started one after the other, with ratios.

The peers are the stock MLflow server and, where it can be installed, FastTrackML; goals with two
ratios are against the one and the other. A case that a peer cannot do shows `-`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.cases import CASES, Bench, Case
from bench.load import Connection
from bench.peers import start_fasttrackml
from bench.servers import Server, start_assay, start_mlflow
from bench.wandb_face import CASES as WANDB_CASES

PEERS: dict[str, Callable[[Path], Server]] = {
    "assay": start_assay,
    "mlflow": start_mlflow,
    "fasttrackml": start_fasttrackml,
}


def main() -> None:
    """Measure and print the table; `--json FILE` keeps the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each throughput case")
    parser.add_argument("--only", default="", help="cases whose name contains this text")
    parser.add_argument("--without-peers", action="store_true", help="measure Assay alone")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    cases = [case for case in (*CASES, *WANDB_CASES) if options.only in case.name]
    names = ["assay"] if options.without_peers else list(PEERS)
    figures: dict[str, dict[str, float | None]] = {}
    for name in names:
        try:
            figures[name] = measure(PEERS[name], cases, options.seconds)
        except RuntimeError as error:
            # One that cannot be installed or started is no reason to lose the others.
            if name == "assay":
                raise
            sys.stderr.write(f"{name} is left out: {error}\n")
    print_table(cases, figures)
    print_sdk()
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2))


def measure(
    start: Callable[[Path], Server], cases: list[Case], seconds: float
) -> dict[str, float | None]:
    """All figures of one server, started fresh and alone on the machine."""
    figures: dict[str, float | None] = {}
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        server = start(Path(folder))
        try:
            bench = Bench(server, seconds)
            for case in cases:
                sys.stderr.write(f"{server.name}: {case.name} … ")
                sys.stderr.flush()
                # Some servers close a connection that was quiet during the case before.
                bench.connection = Connection(server.port)
                try:
                    figures[case.name] = case.measure(bench)
                except (RuntimeError, OSError) as error:
                    # A peer that cannot do a case is no reason to lose the others.
                    if server.name == "assay":
                        raise
                    figures[case.name] = None
                    sys.stderr.write(f"cannot: {error}\n")
                    continue
                sys.stderr.write(f"{figures[case.name]:,.1f} {case.unit}\n")
        finally:
            server.stop()
    return figures


def print_table(cases: list[Case], figures: dict[str, dict[str, float | None]]) -> None:
    """A row per case: figures, the ratio in Assay's favour, and the goal."""
    peers = [name for name in figures if name != "assay"]
    head = f"{'case':<36}{'assay':>20}" + "".join(f"{peer:>20}{'ratio':>9}" for peer in peers)
    print(f"\n{head}  goal\n{'-' * (len(head) + 12)}")
    for case in cases:
        ours = figures["assay"][case.name]
        assert ours is not None
        row = f"{case.name:<36}{_shown(ours, case.unit):>20}"
        for peer in peers:
            theirs = figures[peer][case.name]
            row += f"{_shown(theirs, case.unit):>20}{_ratio(case, ours, theirs):>9}"
        print(f"{row}  {case.goal}")


def print_sdk() -> None:
    """What one `log` of the SDK costs the training loop."""
    from bench.sdk_log import report

    report()


def _shown(figure: float | None, unit: str) -> str:
    return "-" if figure is None else f"{figure:,.1f} {unit}"


def _ratio(case: Case, ours: float, theirs: float | None) -> str:
    if theirs is None:
        return "-"
    ratio = ours / theirs if case.better == "more" else theirs / ours
    return f"{ratio:,.1f} x"


if __name__ == "__main__":
    main()
