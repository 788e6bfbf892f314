"""Whether a recorded promotion follows from the verdicts that it names: the same rules, read backwards."""

from __future__ import annotations

from assay.domain.gate import GateSpec, Outcome, Verdict


def unsupported(
    gate: GateSpec,
    gate_fp: str,
    challenger: Verdict | None,
    champion: Verdict | None,
    *,
    took: str | None,
    left: str | None,
) -> str | None:
    """Why the verdicts do not bear a promotion out, None if they do.

    `took` and `left` are the digests of the files that the alias went to and came from; `left` is
    None where nobody held it, or somebody without files. What people and the calendar said then is
    not judged again.
    """
    if challenger is None or challenger.score is None or challenger.outcome is not Outcome.PASS:
        return "no verdict says that the promoted version passed"
    if challenger.artifact_digest != took or challenger.gate_fingerprint != gate_fp:
        return "the verdict is about other files, or was given under another gate"
    if left is None:
        return None
    if (
        champion is None
        or champion.score is None
        or champion.artifact_digest != left
        or champion.gate_fingerprint != gate_fp
    ):
        return "no verdict scores the champion that it replaced under the same gate"
    ours, theirs = challenger.score, champion.score
    is_better = ours > theirs if gate.maximize else ours < theirs
    return None if is_better else "the promoted version was not strictly better than the champion"
