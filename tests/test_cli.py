"""The command line as a person types it: answers, and refusals of one sentence with exit status 2."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from clew.cli import NumberOr, command, main
from clew.steps import VERBS, new
from clew.steps.outcome import plain
from clew.steps.settings import described
from tests.study.test_study import disk_of

QUICK = ["--embed", "pca", "--references", "99", "--k-max", "3", "--runs", "4"]


@pytest.fixture
def clew(capsys):
    """Run a command line in this process; return exit status, what it printed, and what it said on stderr."""

    def run(*args):
        with pytest.raises(SystemExit) as left:
            main([str(arg) for arg in args])
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return run


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4)) + 6 * (np.arange(80) % 2)[:, None]
    path = tmp_path / "cells.csv"
    pd.DataFrame(X, columns=["area", "circularity", "mean", "width"]).to_csv(path, index=False)
    return path


def test_the_whole_road_in_json(clew, table, tmp_path):
    study = tmp_path / "c.study"
    status, out, err = clew("new", study, table, "--json")
    assert (status, err) == (0, "")
    made = json.loads(out)
    assert {"step", "study", "seconds", "warnings"} <= set(made)
    assert (made["rows"], made["open"], made["sealed"]) == (80, 64, 16)
    looked = json.loads(clew("explore", study, *QUICK, "--json")[1])
    assert looked["k"] == 2
    assert set(looked["hypotheses"][0]["balanced_accuracy"]) == {"value", "low", "high"}
    assert json.loads(clew("name", study, "0=low", "1=high", "--json")[1])["names"] == {
        "0": "low",
        "1": "high",
    }
    trained = json.loads(clew("train", study, "--trees", "20", "--json")[1])
    assert {"model", "classes", "sha256"} <= set(trained)
    assert Path(trained["model"]).is_dir()
    figures = json.loads(clew("validate", study, "--trees", "10", "--json")[1])
    assert {"metrics", "per_class", "confusion", "split", "openings"} <= set(figures)
    assert set(figures["metrics"]["accuracy"]) == {"value", "low", "high"}
    tested = json.loads(clew("test", study, "--reason", "end", "--json")[1])
    assert tested["openings"] == 1
    told = json.loads(clew("predict", trained["model"], table, "--out", tmp_path / "p.jsonl", "--json")[1])
    assert told["rows"] == 80
    row = json.loads((tmp_path / "p.jsonl").read_text().splitlines()[0])
    assert {"source", "sample", "label", "probability"} <= set(row)
    thread = json.loads(clew("log", study, "--json")[1])
    assert [one["verb"] for one in thread["steps"]][3:] == [
        "explore",
        "name",
        "train",
        "validate",
        "test",
        "predict",
    ]
    assert json.loads(clew("verify", study, "--json")[1])["same"]
    assert json.loads(clew("report", study, "--json")[1])["report"].endswith("report.html")


def test_people_get_sentences(clew, table, tmp_path):
    status, out, _ = clew("new", tmp_path / "c.study", table)
    assert status == 0
    assert "64 open and 16 sealed" in out
    assert "Next: clew explore" in out
    out = clew("explore", tmp_path / "c.study", *QUICK)[1]
    assert "2 groups: separated better than in each of" in out
    assert "That says nothing about whether the groups are real" in out
    assert "would be circular" in out
    assert "1 of 1 hypothesis on record" in out


def bad_tables():
    good = "a,b\n" + "".join(f"{i},{i * i % 7}\n" for i in range(20))
    return {
        "empty file": ("", "must hold data"),
        "header only": ("a,b\n", "a.csv"),
        "one row": ("a,b\n1,2\n", "2"),
        "constant column": (
            good.replace("a,b", "a,b,c").replace("\n", ",4\n").replace("a,b,c,4", "a,b,c"),
            "--leave-out c",
        ),
        "all-missing column": (
            good.replace("a,b", "a,b,c").replace("\n", ",\n").replace("a,b,c,", "a,b,c"),
            "--leave-out c",
        ),
        "duplicated names": (good.replace("a,b", "a,a"), "'a'"),
        "text in a numeric column": (good.replace("\n5,", "\nfive,"), "five"),
        "infinite value": (good.replace("\n5,", "\ninf,"), "inf"),
    }


@pytest.mark.parametrize("case", list(bad_tables()))
def test_a_bad_table_is_refused_in_one_sentence_and_leaves_nothing(clew, tmp_path, case):
    text, said = bad_tables()[case]
    (tmp_path / "a.csv").write_text(text)
    status, out, err = clew("new", tmp_path / "x.study", tmp_path / "a.csv")
    refused(status, out, err, said)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def bad_distances():
    square = ",a,b,c\na,0,1,2\nb,1,0,3\nc,2,3,0\n"
    return {
        "not square": (square.replace("c,2,3,0\n", ""), "Got 2 rows x 4 columns"),
        "a gap": (square.replace("b,1,0,3", "b,1,0,"), "row 2, column 3 (from 'b' to 'c')"),
        "infinite": (square.replace("b,1,0,3", "b,1,0,inf"), "'inf' in line 3"),
        "negative": (square.replace("b,1,0,3", "b,1,0,-3"), "not be negative"),
        "text": (square.replace("b,1,0,3", "b,1,0,far"), "'far' in line 3"),
        "itself not at 0": (square.replace("b,1,0,3", "b,1,9,3"), "0 on the diagonal"),
        "all 0": (",a,b\na,0,0\nb,0,0\n", "must tell rows apart"),
        "a name twice": (square.replace("b,1", "a,1"), "alike"),
        "empty file": ("", "must hold data"),
        "edges in two parts": ("source,target\na,b\nc,d\n", "Got 2 parts"),
        "a length below 0": ("source,target,time\na,b,1\nb,c,-1\n", "Got -1 from 'b' to 'c'"),
    }


@pytest.mark.parametrize("case", list(bad_distances()))
def test_bad_distances_are_refused_in_one_sentence_and_leave_nothing(clew, tmp_path, case):
    text, said = bad_distances()[case]
    (tmp_path / "d.csv").write_text(text)
    refused(*clew("new", tmp_path / "x.study", "--distances", tmp_path / "d.csv"), said)
    assert [path.name for path in tmp_path.iterdir()] == ["d.csv"]


def test_edges_become_a_study_without_any_path(clew, tmp_path):
    (tmp_path / "roads.tsv").write_text(
        "a\tb\tminutes\n" + "".join(f"p{i}\tp{i + 1}\t{i % 3 + 1}\n" for i in range(12))
    )
    ends = ["--edge-source", "a", "--edge-target", "b", "--edge-length", "minutes"]
    status, out, err = clew(
        "new", tmp_path / "x.study", "--distances", tmp_path / "roads.tsv", *ends, "--json"
    )
    assert (status, err) == (0, "")
    made = json.loads(out)
    assert (made["rows"], made["features"], made["distances"]["asymmetric"]) == (13, [], 0)
    assert any("12 edges between 13 places" in note for note in made["warnings"])
    assert json.loads(clew("verify", tmp_path / "x.study", "--json")[1])["same"]
    refused(*clew("train", tmp_path / "x.study"), "Got distances only")
    refused(*clew("test", tmp_path / "x.study", "--reason", "x"), "clew train")
    assert clew("report", tmp_path / "x.study")[0] == 0
    assert "distances only" in (tmp_path / "x.study" / "report.html").read_text()
    refused(*clew("new", tmp_path / "y.study"), "at least one file")


def refused(status, out, err, said):
    """One sentence on stderr, nothing on stdout, exit status 2, no traceback."""
    assert status == 2
    assert out == ""
    assert said in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1, err
    assert "Got" in err


def image(folder, name="i.tif", blobs=3):
    pixels = np.zeros((60, 60), np.uint8)
    for i in range(blobs):
        pixels[5 + 18 * i : 14 + 18 * i, 8 : 20 + 4 * i] = 200
    pixels[:2, 50:52] = 1  # so that there is something to tell apart at all
    tifffile.imwrite(folder / name, pixels)
    return folder / name


def test_a_truncated_tiff_is_refused(clew, tmp_path):
    path = image(tmp_path)
    path.write_bytes(path.read_bytes()[:900])
    refused(*clew("new", tmp_path / "x.study", path), "i.tif")


@pytest.mark.parametrize(("blobs", "threshold"), [(3, 250), (1, 100)])
def test_an_image_without_objects_or_with_one_is_refused(clew, tmp_path, blobs, threshold):
    refused(
        *clew("new", tmp_path / "x.study", image(tmp_path, blobs=blobs), "--threshold", threshold), "i.tif"
    )


def test_a_label_image_of_another_shape_is_refused(clew, tmp_path):
    tifffile.imwrite(tmp_path / "i_labels.tif", np.ones((50, 60), np.uint16))
    refused(*clew("new", tmp_path / "x.study", image(tmp_path), "--masks", tmp_path / "i_labels.tif"), "60")


def test_a_broken_png_is_refused(clew, tmp_path):
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(tmp_path / "i.png")
    (tmp_path / "i.png").write_bytes((tmp_path / "i.png").read_bytes()[:50])
    refused(*clew("new", tmp_path / "x.study", tmp_path / "i.png"), "i.png")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["explore", "c.study", "--k", "65"], "number of rows (64)"),
        (["explore", "c.study", "--k", "twoo"], "auto"),
        (["explore", "c.study", "--features", "circularty"], "Did you mean 'circularity'?"),
        (["explore", "c.study", "--embed", "umapp"], "umap"),
        (["explore", "c.study", "--rnus", "3"], "--runs"),
        (["explore", "c.study", "--runs", "x"], "x"),
        (["explore", "."], "study.sqlite"),
        (["explore", "none.study"], "nothing there"),
        (["explore", "cells.csv"], "a file"),
        (["exlpore", "c.study"], "Did you mean 'explore'?"),
        (["explore"], "STUDY"),
        (["new", "c.study", "cells.csv"], "there already"),
        (["new", "x.study", "none.csv"], "none.csv"),
        (["new", "x.study", "cells.csv", "--sealed", "1.5"], "1.5"),
        (["new", "x.study", "cells.csv", "--group", "plte"], "plte"),
        (["name", "c.study", "0=x"], "clew explore"),
        (["label", "c.study", "none.csv"], "none.csv"),
        (["test", "c.study", "--reason", "x"], "clew train"),
        (["predict", "c.study", "cells.csv", "--out", "p.csv"], "clew train"),
        (["predict", "nowhere", "cells.csv", "--out", "p.csv"], "nowhere"),
        (["predict", "c.study", "cells.csv", "--out", "p.xlsx"], ".parquet"),
        (["relink", "c.study", "cells.csv.bak"], "none of them"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(clew, table, tmp_path, monkeypatch, args, said):
    monkeypatch.chdir(tmp_path)
    new(Path("c.study"), [Path("cells.csv")])
    (tmp_path / "cells.csv.bak").write_text("other")
    before = {path: path.read_bytes() for path in (tmp_path / "c.study").rglob("*") if path.is_file()}
    status, out, err = clew(*args)
    assert status == 2
    assert out == ""
    assert said in err
    assert len(err.strip().splitlines()) == 1, err
    assert "Traceback" not in err
    after = {path: path.read_bytes() for path in (tmp_path / "c.study").rglob("*") if path.is_file()}
    assert {k: v for k, v in after.items() if "sqlite" not in k.name} == {
        k: v for k, v in before.items() if "sqlite" not in k.name
    }
    assert not (tmp_path / "x.study").exists()


def test_a_read_only_study_is_said_before_the_work(clew, table, tmp_path, monkeypatch):
    clew("new", tmp_path / "c.study", table)
    monkeypatch.setattr("clew.study.store.os.access", lambda path, mode: False)
    refused(*clew("explore", tmp_path / "c.study"), "read-only")
    assert clew("log", tmp_path / "c.study")[0] == 0


def test_a_study_of_a_newer_clew_is_said(clew, table, tmp_path):
    import sqlite3

    clew("new", tmp_path / "c.study", table)
    with sqlite3.connect(tmp_path / "c.study" / "study.sqlite") as db:
        db.execute("PRAGMA user_version = 7")
    refused(*clew("log", tmp_path / "c.study"), "update clew")


def test_a_full_disk_is_said(clew, table, tmp_path):
    disk = tmp_path / "disk"
    disk_of(1, disk)
    try:
        (disk / "filler").write_bytes(b"x" * 1_000_000)
        refused(*clew("new", disk / "c.study", table), "full disk")
        assert [path.name for path in disk.iterdir()] == ["filler"]
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_process_of_its_own_answers_and_refuses_alike(tmp_path):
    run = subprocess.run([sys.executable, "-m", "clew", "log", str(tmp_path)], capture_output=True, text=True)
    refused(run.returncode, run.stdout, run.stderr, "study.sqlite")
    run = subprocess.run([sys.executable, "-m", "clew", "--version"], capture_output=True, text=True)
    assert run.returncode == 0
    assert run.stdout.startswith("clew ")


def test_help_names_every_verb_and_every_setting_of_a_verb(clew):
    out = clew("--help")[1]
    assert all(word in out for verb in VERBS for word in verb.split())
    out = clew("explore", "--help")[1]
    for flag in ("--embed", "--cluster", "--k", "--runs", "--references", "--random-state", "--json"):
        assert flag in out
    assert "on-progress" not in out
    assert clew()[0] == 0


def test_help_says_what_another_function_says_instead_of_naming_it(clew):
    for verb in ("validate", "curve", "compare"):
        out = " ".join(clew(verb, "--help")[1].split())
        assert "A feature to be predicted from the others" in out
        assert "As for clew." not in out


def test_verbs_of_two_words_have_a_help_of_their_own(clew):
    for args in (["pixels"], ["pixels", "--help"]):
        status, out, err = clew(*args)
        assert (status, err) == (0, "")
        assert "Classify every pixel of images." in out
        assert re.findall("^  ([a-z]+)  ", out, re.MULTILINE) == ["train", "predict", "compare", "explain"]
    assert "pixels Classify every pixel of images: train, predict, compare, explain" in " ".join(
        clew("--help")[1].split()
    )
    refused(*clew("pixels", "trian"), "Did you mean 'train'?")
    assert clew("pixels", "train") == (2, "", "Missing argument 'IMAGES...'.\n")
    refused(*clew("pixel", "train"), "Did you mean 'pixels'?")


def test_the_help_of_pixels_speaks_of_flags_and_not_of_code(clew):
    for verb in ("train", "predict", "compare", "explain"):
        status, out, _ = clew("pixels", verb, "--help")
        assert status == 0
        assert "clew.learn" not in out
        assert "As for" not in out
    out = " ".join(clew("pixels", "train", "--help")[1].split())
    assert "The number of trees; 100 of depth 4 are customary in microscopy." in out


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_flag_is_explained(verb):
    silent = [p.name for p in command(VERBS[verb]).params if p.param_type_name == "option" and not p.help]
    assert silent == []


def test_docstrings_are_read_parameter_by_parameter():
    told = described(new)
    assert told["sealed"] == "Share of the rows to put aside until the end."
    assert told["masks"].startswith("Label images")


def test_numbers_and_words_mix():
    kind = NumberOr(int, ["auto"])
    assert kind.convert("auto", None, None) == "auto"
    assert kind.convert("3", None, None) == 3


def test_json_holds_no_nan():
    assert plain(
        {"a": float("nan"), "b": [np.float64(1.5), np.int64(2)], "c": np.array([np.inf, 1.0]), "d": Path("x")}
    ) == {
        "a": None,
        "b": [1.5, 2],
        "c": [None, 1.0],
        "d": "x",
    }


def test_verify_leaves_with_1_when_something_differs(clew, table, tmp_path):
    clew("new", tmp_path / "c.study", table)
    assert clew("verify", tmp_path / "c.study")[0] == 0
    table.write_text(table.read_text().replace("1", "2", 1))
    status, out, err = clew("verify", tmp_path / "c.study", "--json")
    assert status == 1
    assert json.loads(out)["same"] is False
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["predict", "c.study", "cells.csv"], "--out"),
        (["new", "cells.csv/x.study", "cells.csv"], "cells.csv"),
        (["new", "x" * 300, "cells.csv"], "name"),
        (["new", "x.study", "cells.csv", "--random-state", "-1"], "'random_state'"),
        (["train", "c.study", "--n-jobs", "0"], "n_jobs"),
        (["bench", "--repeats", "0"], "'repeats'"),
    ],
)
def test_what_used_to_be_a_traceback_is_a_sentence(clew, table, tmp_path, monkeypatch, args, said):
    monkeypatch.chdir(tmp_path)
    new(Path("c.study"), [Path("cells.csv")])
    status, out, err = clew(*args)
    assert (status, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1, err


def test_the_examples_of_the_help_stand_line_by_line(clew):
    lines = clew("--help")[1].splitlines()
    assert any(line.strip().startswith("clew new my.study") for line in lines)


def test_names_may_be_listed_with_commas(clew, table, tmp_path):
    out = json.loads(clew("new", tmp_path / "c.study", table, "--leave-out", "mean,width", "--json")[1])
    assert out["features"] == ["area", "circularity"]


def test_labels_are_undone_from_the_command_line(clew, table, tmp_path):
    clew("new", tmp_path / "c.study", table)
    clew("export", tmp_path / "c.study", "--out", tmp_path / "rows.csv")
    frame = pd.read_csv(tmp_path / "rows.csv")
    frame["label"] = "x"
    frame.to_csv(tmp_path / "l.csv", index=False)
    assert clew("label", tmp_path / "c.study", tmp_path / "l.csv")[0] == 0
    assert clew("label", tmp_path / "c.study", "--undo")[0] == 0
    refused(*clew("label", tmp_path / "c.study", "--undo"), "none that stand")
