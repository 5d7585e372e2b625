"""What command line and page know of a verb, read off its signature and its docstring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from clew.steps import VERBS, Outcome, Verb
from clew.steps.settings import Setting, described, settings_of_verb, takes_progress


def cook(
    pot: Path,
    things: Sequence[Path] = (),
    *,
    minutes: int,
    heat: float | Literal["low"] = "low",
    lid: Literal["on", "off"] = "on",
    stir: bool = False,
    spices: list[str] | None = None,
    weights: list[float] | None = None,
    note: str | list[str] = "",
    on_progress: object = None,
) -> Outcome:
    """Cook.

    Parameters
    ----------
    pot : Path
        Where.
    minutes : int
        How long,
        in ``all``.
    heat, lid : float
        As it was.

    Raises
    ------
    SettingError
        Never.
    """
    raise NotImplementedError


@pytest.fixture
def of_cook():
    return {one.name: one for one in settings_of_verb(Verb("cook", cook))}


def test_each_setting_is_read_off_the_signature(of_cook):
    told = {name: (one.kind, one.choices, one.many) for name, one in of_cook.items()}
    assert told == {
        "pot": ("path", (), False),
        "things": ("path", (), True),
        "minutes": ("whole number", (), False),
        "heat": ("number", ("low",), False),
        "lid": ("choice", ("on", "off"), False),
        "stir": ("yes or no", (), False),
        "spices": ("text", (), True),
        "weights": ("numbers", (), False),
        "note": ("text", (), False),
    }
    assert [name for name, one in of_cook.items() if one.required] == ["pot", "minutes"]
    assert [name for name, one in of_cook.items() if one.positional] == ["pot", "things"]
    assert (of_cook["heat"].default, of_cook["lid"].default, of_cook["minutes"].default) == (
        "low",
        "on",
        None,
    )
    assert takes_progress(Verb("cook", cook))


def test_help_is_what_the_docstring_says_on_one_line(of_cook):
    assert of_cook["minutes"].help == "How long, in all."
    assert of_cook["heat"].help == of_cook["lid"].help == "As it was."
    assert of_cook["stir"].help == ""
    assert "Never" not in str(described(cook))


def test_a_verb_of_a_study_has_the_settings_of_its_step_after_its_own():
    found = {one.name: one for one in settings_of_verb(VERBS["confirm"])}
    assert found["study"] == Setting("study", "study", (), False, None, True, True, found["study"].help)
    names = list(found)
    assert names[:2] == ["study", "reason"] and "permutations" in names
    assert not {"on_progress", "hypotheses", "opening", "late_look"} & set(names)
    assert found["labels_by_eye"].flag == "--labels-by-eye"


def test_a_verb_of_several_steps_has_the_settings_of_all_each_name_once():
    found = [one.name for one in settings_of_verb(VERBS["train"])]
    assert found[:2] == ["study", "model"] and {"trees", "epochs", "hidden"} <= set(found)
    assert len(found) == len(set(found)) and "measure" not in found


@pytest.mark.parametrize("name", [name for name in VERBS if " " not in name])
def test_every_setting_of_every_verb_is_explained(name):
    unexplained = [one.name for one in settings_of_verb(VERBS[name]) if not one.help and one.kind != "study"]
    assert unexplained == []
