from clew.steps import VERBS
from clew.steps.outcome import Outcome, Verb, sentences


def test_a_verb_is_helped_by_the_first_line_of_its_docstring():
    def polish(study) -> Outcome:
        """Make it shine.

        And more.
        """
        return Outcome([], {})

    assert Verb("polish", polish).help == "Make it shine."
    assert all(len(verb.help) < 110 and verb.help.endswith(".") for verb in VERBS.values())


def test_remarks_become_sentences_once_and_names_stay_as_they_are():
    said = sentences(["only 5 rows", "only 5 rows", "blobs.tif: cut", "Done.", " "])
    assert said == ["Only 5 rows.", "blobs.tif: cut.", "Done."]
