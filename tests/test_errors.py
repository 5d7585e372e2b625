import pytest

from clew.errors import (
    ClewError,
    DataError,
    SealedError,
    SettingError,
    StudyError,
    WriteError,
    check,
    check_choice,
    did_you_mean,
)


def test_a_check_that_holds_is_silent_and_one_that_fails_says_its_sentence():
    check(True, DataError, "never {}", 1)
    with pytest.raises(DataError, match=r"^The 'k' must be at most 3\. Got 4\.$"):
        check(False, DataError, "The 'k' must be at most {}. Got {}.", 3, 4)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (SettingError, ValueError),
        (DataError, ValueError),
        (StudyError, OSError),
        (WriteError, OSError),
        (SealedError, PermissionError),
    ],
)
def test_each_error_is_also_a_builtin_one(kind, builtin):
    assert issubclass(kind, ClewError)
    assert issubclass(kind, builtin)


def test_a_misspelt_word_gets_the_closest_one_and_a_strange_one_gets_none():
    assert did_you_mean("circularty", ["area", "circularity"]) == " Did you mean 'circularity'?"
    assert did_you_mean("UMAP", ["umap", "tsne"]) == " Did you mean 'umap'?"
    assert did_you_mean("qqq", ["area", "circularity"]) == ""


def test_a_choice_is_refused_with_what_it_could_be():
    check_choice("umap", ["umap", "pca"], what="map", of="embed")
    with pytest.raises(SettingError, match=r"one of: umap, pca\. Got 'umpa' instead\. Did you mean 'umap'\?"):
        check_choice("umpa", ["umap", "pca"], what="map", of="embed")


def test_of_too_much_no_suggestion_is_sought():
    assert did_you_mean("rnus" * 10**5, ["runs"]) == ""
    assert did_you_mean("row 12x", [f"row {i}" for i in range(10**5)]) == ""
