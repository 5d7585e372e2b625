"""What the record holds, gathered once for the page: never a sealed row's measurement."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from clew.explore.exploration import Exploration
from clew.neural.reconstruction import Reconstructions
from clew.result import Result
from clew.samples import Samples
from clew.steps.networks import is_coder, latest_model
from clew.study.record import Opening, Step
from clew.study.study import Study
from clew.validate.confirm import Confirmation
from clew.validate.metrics import Validation


@dataclass(frozen=True)
class Tested:
    """One evaluation on the sealed rows: the step, its figures, the opening that it went through, the model."""

    step: Step
    validation: Validation
    opening: Opening
    model: str


@dataclass(frozen=True)
class Coder:
    """An autoencoder on record: its name and hash, the net, what comes back of the rows, and rows that it made up."""

    name: str
    sha256: str
    net: Any
    rebuilt: Reconstructions | None
    generated: Any


@dataclass(frozen=True)
class Record:
    """Everything that the page is made from.

    Parameters
    ----------
    folder : Path
        Of the study; only its name and the pictures in it are used.
    name : str
    steps : list of Step
    facts : dict
    n_sources : int
    counts : dict of str to int
        Open and sealed rows.
    samples : Samples
        The open rows.
    openings : list of Opening
    hypotheses, models : list of dict
        As on record.
    look : Step or None
        The exploration that the page shows: the one whose groups were named last, or the latest.
    exploration : Exploration or None
        Its result.
    names : dict of str to str
        Group number to the name that a person gave.
    forest : Forest, NetModel or None
        The latest model that learns answers.
    validated : Step or None
    validation : Validation or None
        The latest cross-validation.
    tests : list of Tested
        First to last.
    confirmations : list of (Step, Confirmation)
        First to last; the first counts, as its rows had not been seen.
    judged : dict of str to (Step, Result)
        The latest result of "explain", "compare", "repeat", "curve" (over rows) and "curve SETTING".
    labelled : dict of str to int
        Open rows whose standing label came from a "person" or a "group".
    people : list of str
        Who gave labels.
    coder : Coder or None
        The latest autoencoder.
    """

    folder: Path
    name: str
    steps: list[Step]
    facts: dict[str, Any]
    n_sources: int
    counts: dict[str, int]
    samples: Samples
    openings: list[Opening]
    hypotheses: list[dict[str, Any]]
    models: list[dict[str, Any]]
    look: Step | None
    exploration: Exploration | None
    names: dict[str, str]
    forest: Any
    validated: Step | None
    validation: Validation | None
    tests: list[Tested]
    confirmations: list[tuple[Step, Confirmation]]
    judged: dict[str, tuple[Step, Result]]
    labelled: dict[str, int]
    people: list[str]
    coder: Coder | None = None

    @property
    def what(self) -> str:
        """Return what a row is: "objects" or "rows"."""
        return str(self.facts["what"])

    @property
    def study(self) -> str:
        """Return the folder's name, as commands take it."""
        return self.folder.name

    def steps_of(self, verb: str) -> list[Step]:
        """Return the steps of a verb, first to last."""
        return [one for one in self.steps if one.verb == verb]

    @property
    def looks(self) -> list[Step]:
        """Return every exploration, first to last."""
        return self.steps_of("explore")

    @property
    def sealed_test(self) -> Tested | None:
        """Return the test that counts: the first."""
        return self.tests[0] if self.tests else None

    def trained_unseen(self, tested: Tested) -> bool:
        """Return whether the model of a test was trained before anyone was shown a sealed row."""
        shown = [one.id for one in self.steps if one.sees in ("sealed", "all")]
        trained = [one["step"] for one in self.models if one["name"] == tested.model]
        return bool(trained) and trained[0] < min(shown)

    @property
    def is_net(self) -> bool:
        """Return whether the latest model is a net."""
        return hasattr(self.forest, "histories")

    @property
    def model(self) -> dict[str, Any] | None:
        """Return the latest model on record that learns answers."""
        coders = {one.id for one in self.steps if is_coder(one)}
        return next((one for one in reversed(self.models) if one["step"] not in coders), None)

    @property
    def trained(self) -> Step | None:
        """Return the step that made the latest model."""
        return next((one for one in self.steps if self.model and one.id == self.model["step"]), None)

    @property
    def by_people(self) -> bool:
        """Return whether what is learnt was given by people, or is a target."""
        return self.labelled.get("person", 0) > 0 or self.samples.target is not None

    @cached_property
    def classes(self) -> list[str]:
        """Return names of groups, then other classes: the order of colours and markers."""
        groups = [
            self.names.get(str(g), f"group {g}") for g in range(self.exploration.k if self.exploration else 0)
        ]
        known = [*self.names.values()]
        if not known or (self.forest and not set(self.forest.classes) & set(known)):
            return list(self.forest.classes) if self.forest and self.forest.classes else groups
        return list(dict.fromkeys([*groups, *(self.forest.classes if self.forest else [])]))

    @cached_property
    def sha256(self) -> str:
        """Return the hash of the whole record: steps, openings, hypotheses, models."""
        whole = [
            [vars(one) for one in self.steps],
            [vars(one) for one in self.openings],
            self.hypotheses,
            self.models,
            self.labelled,
        ]
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    @cached_property
    def shown(self) -> tuple[Samples, np.ndarray]:
        """Return the explored rows that are open, with the group of each (n_rows,); -1 without groups."""
        if self.exploration is None:
            return self.samples, np.full(self.samples.n_rows, -1)
        if np.array_equal(self.exploration.sample, self.samples.sample):
            return self.samples, self.exploration.groups
        place = {str(name): i for i, name in enumerate(self.samples.sample)}
        here = np.array([name in place for name in self.exploration.sample], bool)
        rows = [place[name] for name in self.exploration.sample[here]]
        return self.samples.take(rows), self.exploration.groups[here]


def gather(
    study: Study,
    *,
    samples: Samples | None = None,
    labelled: dict[str, int] | None = None,
    result: Callable[[Step], Any] | None = None,
) -> Record:
    """Read from a study what the page needs.

    Parameters
    ----------
    study : Study
    samples : Samples, optional
    labelled : dict of str to int, optional
    result : callable, optional
        The open rows, how many of them have labels, and what returns the result of a step, of somebody who holds them.
    """
    samples, result = samples or study.samples(), result or study.result
    steps = study.steps()
    trained, _ = latest_model(study)
    by_id = {one.id: one for one in steps}
    named, models = study.last("name"), study.models()
    look = by_id[named.inputs["steps"][0]] if named is not None else study.last("explore")
    validated = study.last("validate")
    openings = study.openings()
    if labelled is None:
        labelled = dict(Counter(how for label, how in study.labels().values() if label))
    return Record(
        folder=study.folder.resolve(),
        name=study.name,
        steps=steps,
        facts=study.facts(),
        n_sources=sum(one.role in ("data", "distances") for one in study.sources()),
        counts=study.counts(),
        samples=samples,
        openings=openings,
        hypotheses=study.hypotheses(),
        models=models,
        look=look,
        exploration=result(look) if look is not None else None,
        names=result(named).names if named is not None else {},
        forest=result(trained) if trained is not None else None,
        validated=validated,
        validation=result(validated) if validated is not None else None,
        tests=[_tested(steps, one, models, openings, result(one)) for one in steps if one.verb == "test"],
        confirmations=[(one, result(one)) for one in steps if one.verb == "confirm"],
        judged={name: (one, result(one)) for name, one in _judged(steps).items()},
        labelled=labelled,
        people=study.people(),
        coder=_coder(steps, models, result),
    )


def _coder(steps: list[Step], models: list[dict[str, Any]], result: Callable[[Step], Any]) -> Coder | None:
    """Return the latest autoencoder, what comes back of the rows, and the last rows that it made up."""
    trained = next((one for one in reversed(steps) if is_coder(one)), None)
    if trained is None:
        return None
    of_it = [one for one in steps if one.inputs.get("steps") == [trained.id]]
    rebuilt, made = ([one for one in of_it if one.verb == verb] for verb in ("rebuild", "generate"))
    name, sha256 = next((str(one["name"]), str(one["sha256"])) for one in models if one["step"] == trained.id)
    return Coder(
        name=name,
        sha256=sha256,
        net=result(trained),
        rebuilt=result(rebuilt[-1]) if rebuilt else None,
        generated=result(made[-1]) if made else None,
    )


def _judged(steps: list[Step]) -> dict[str, Step]:
    """Return the latest step of each kind that judges a model."""
    found: dict[str, Step] = {}
    for one in steps:
        if one.verb in ("explain", "compare", "repeat", "sensors"):
            found[one.verb] = one
        if one.verb == "curve":
            over = one.settings.get("over", "rows")
            found["curve" if over == "rows" else f"curve {over}"] = one
    return found


def _tested(
    steps: list[Step], step: Step, models: list[dict[str, Any]], openings: list[Opening], found: Validation
) -> Tested:
    """Find the opening that a test went through: those that showed something stand in the order of the tests."""
    through = [one for one in openings if one.verb == "test" and one.shown]
    tests = [one.id for one in steps if one.verb == "test"]
    opening = through[tests.index(step.id)]
    model = next((one["name"] for one in models if one["step"] in step.inputs["steps"]), "a model")
    return Tested(step, found, opening, model)
