"""What walk-throughs share: no folder is replaced, lines are folded, commands stay whole."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from clew.demo.told import MOST, Parts, folded, free, hypothesis


def test_the_folder_gets_a_number_where_something_is(tmp_path):
    assert free(tmp_path / "a") == tmp_path / "a"
    (tmp_path / "a").mkdir()
    (tmp_path / "a-2").write_text("mine")
    assert free(tmp_path / "a") == tmp_path / "a-3"


def test_long_lines_are_folded_and_commands_stay_whole():
    sentence = "  " + "word " * 40
    command = "Then:  clew new " + "word " * 40
    lines = folded([sentence, command, "", "short"])
    assert max(map(len, lines[:-3])) <= 100 and all(line.startswith("  ") for line in lines[:-3])
    assert " ".join(" ".join(lines[:-3]).split()) == sentence.strip()
    assert lines[-3:] == [command, "", "short"]


def test_only_the_measurements_that_tell_most_are_shown_where_there_are_many():
    rng = np.random.default_rng(0)

    def told(n):
        effect = rng.normal(size=(n, 1))
        found = SimpleNamespace(
            k=2,
            features=[f"feature_{i}" for i in range(n)],
            hypotheses=SimpleNamespace(
                effect=effect,
                distance_correlation=effect / 10,
                stated=[SimpleNamespace(headline=lambda: "feature_0 tells")],
            ),
        )
        names = [line.split()[0] for line in hypothesis(found, of="blobs") if "feature_" in line[:20]]
        return names, effect[:, 0]

    names, _ = told(MOST)
    assert names == [f"feature_{i}" for i in range(MOST)]
    names, effect = told(40)
    assert names == [f"feature_{i}" for i in np.argsort(-np.abs(effect))[:MOST]]


def test_of_more_than_two_groups_each_has_its_hypothesis_or_none():
    stated = [SimpleNamespace(headline=lambda g=g: f"feature tells group {g} from the rest") for g in (0, 2)]
    found = SimpleNamespace(k=3, features=["feature"], hypotheses=SimpleNamespace(stated=stated))
    lines = hypothesis(found, of="windows")
    assert lines[1:3] == ["  feature tells group 0 from the rest.", "  feature tells group 2 from the rest."]
    assert "circular" in lines[3]
    assert "no hypothesis" in hypothesis(SimpleNamespace(hypotheses=None), of="windows")[0]


def test_parts_count_up():
    seen = []
    parts = Parts(lambda done, total: seen.append((done, total)), total=3)
    parts.done(2)
    parts.done()
    Parts(None, total=1).done()
    assert seen == [(2, 3), (3, 3)]
