"""What sealed rows say of what was claimed from open ones: does the grouping replicate, do the hypotheses hold?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.explore.exploration import Exploration, NetExploration
from clew.result import Result, step
from clew.samples import Samples
from clew.validate.claims import Claim, judge, truth_of, with_target
from clew.validate.replication import Replication, not_tested, replicate

SAME_LABELS = 0.99  # adjusted Rand index from where people's labels are the groups over again
FEWEST_LABELS = 10  # of open rows, to tell so
BY_EYE = (
    "People's labels are the groups over again, and were said to be given by eye; copied from the groups they would make the "
    "tests of the hypotheses circular."
)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Confirmation(Result):
    """What one opening of the seal says of the grouping and of every hypothesis on record.

    Parameters
    ----------
    replication : Replication
        Whether the groups replicate on the sealed rows.
    claims : list of Claim
        Every hypothesis on record, with its verdict.
    opening : int
        Which opening of the seal it was. From the second on the rows had been seen before.
    n_open, n_sealed : int
        All rows of either part.
    notes : list of str
        What a reader must know.
    """

    replication: Replication
    claims: list[Claim]
    opening: int
    n_open: int
    n_sealed: int
    notes: list[str]

    def headline(self) -> str:
        """Say whether the groups replicate and how many hypotheses hold."""
        text = f"{self.replication.headline().rstrip('.')}. {self.verdicts()}"
        return text if self.opening == 1 else f"{text} Opening {self.opening} of the seal: not independent."

    def verdicts(self) -> str:
        """Say how many hypotheses there are of each verdict."""
        if not self.claims:
            return "No hypothesis is on record."
        counts = {
            verdict: sum(claim.verdict == verdict for claim in self.claims)
            for verdict in ("confirmed", "not confirmed", "not tested")
        }
        told = ", ".join(f"{n} {verdict}" for verdict, n in counts.items() if n)
        one = len(self.claims) == 1
        return f"{len(self.claims)} {'hypothesis' if one else 'hypotheses'} on record: {told}."

    def summary(self) -> dict[str, Any]:
        """Return what scripts rely on."""
        return {
            "replication": self.replication.summary(),
            "hypotheses": [claim.summary() for claim in self.claims],
            "opening": self.opening,
            "independent": self.opening == 1,
            "rows": {"open": self.n_open, "sealed": self.n_sealed},
        }


@step(sees="all")
def confirm(
    samples: Samples,
    exploration: Exploration | None = None,
    *,
    hypotheses: Sequence[Mapping[str, Any]] = (),
    opening: int = 1,
    late_look: bool = False,
    labels_by_eye: bool = False,
    references: int = 199,
    permutations: int = 999,
    random_state: int = 0,
    on_progress: Callable[[int, int], bool | None] | None = None,
) -> Confirmation:
    """Ask the sealed rows whether the grouping replicates and whether the stated hypotheses hold.

    Parameters
    ----------
    samples : Samples
        All rows; ``origin`` says of each its "part" ("open" or "sealed") and who "labelled" it ("person", "group" or
        "").
    exploration : Exploration, optional
        The look whose groups are to replicate.
    hypotheses : sequence of dict
        Every hypothesis on record, as `clew.validate.claims.judge` takes them.
    opening : int
        Which opening of the seal this is.
    late_look : bool
        The look was made after the sealed rows had been seen.
    labels_by_eye : bool
        People's labels were given by eye, even if they are the groups over again. Unless that is said, such labels test
        nothing: whoever copied them from the groups would ask whether the features that made the groups tell them.
    references : int
        One-population data sets of each of the two kinds that the replication is held against.
    permutations : int
        Permutations of the sealed labels that each hypothesis is held against.
    random_state : int
        Seed of both.

    Raises
    ------
    DataError
        If it is not said which rows are sealed.
    """
    origin = samples.origin
    check(
        {"part", "labelled"} <= set(origin.columns),
        DataError,
        "The rows to confirm must say their part and who labelled them. Got an origin with {}.",
        ", ".join(map(str, origin.columns)),
    )
    sealed = origin["part"].to_numpy() == "sealed"
    by_person = origin["labelled"].to_numpy() == "person"
    truth = truth_of(samples, sealed, by_person)
    same = same_as_groups(truth.open.sample, truth.open.labels, exploration) if truth.by_people else ""
    if same and not labels_by_eye and not truth.reason:
        truth = replace(truth, reason=same)
    targets = {one["target"] for one in hypotheses if one.get("target")}
    claims = judge(
        hypotheses,
        truth,
        samples.take(~sealed),
        targets={
            name: truth_of(with_target(samples, name), sealed, np.zeros_like(sealed))
            for name in sorted(targets)
        },
        permutations=permutations,
        random_state=random_state,
    )
    if exploration is None:
        replication = not_tested("Nobody has looked for groups yet (clew explore).")
    else:
        replication = replicate(
            exploration,
            samples,
            sealed,
            late=late_look,
            references=references,
            random_state=random_state,
            on_progress=on_progress,
        )
    asked = truth.notes if claims else []
    return Confirmation(
        replication=replication,
        claims=claims,
        opening=opening,
        n_open=int((~sealed).sum()),
        n_sealed=int(sealed.sum()),
        notes=[*replication.notes, *asked, *([BY_EYE] if same and labels_by_eye and claims else [])],
    )


def same_as_groups(sample: np.ndarray, labels: np.ndarray | None, exploration: Exploration | None) -> str:
    """Say that labels are the groups of a look over again, so that they test nothing; "" where they are not.

    Parameters
    ----------
    sample, labels : ndarray of str, shape (n_labelled,)
        The open rows that people labelled, and their labels; None where there is a target only.
    exploration : Exploration or None

    Notes
    -----
    By the adjusted Rand index (Hubert & Arabie, J. Classif. 2:193, 1985, doi:10.1007/BF01908075), 0.99 or more.
    """
    from clew.explore.stability import adjusted_rand

    if exploration is None or exploration.k < 2 or labels is None or isinstance(exploration, NetExploration):
        return ""  # a net that learnt from labels gives them back: nobody copied them
    place = {name: i for i, name in enumerate(exploration.sample.tolist())}
    pairs = [(exploration.groups[place[name]], label) for name, label in zip(sample, labels) if name in place]
    if len(pairs) < FEWEST_LABELS:
        return ""
    groups, given = map(np.asarray, zip(*pairs))
    if adjusted_rand(groups, given) < SAME_LABELS:
        return ""
    return (
        f"People's labels of {len(pairs)} open rows are the groups over again. Copied from the groups they would make the test "
        "circular; if they were given by eye, say so: --labels-by-eye."
    )
