from clew.steps import VERBS
from clew.steps.outcome import Outcome, Verb


def test_a_verb_is_helped_by_the_first_line_of_its_docstring():
    def polish(study) -> Outcome:
        """Make it shine.

        And more.
        """
        return Outcome([], {})

    assert Verb("polish", polish).help == "Make it shine."
    assert all(len(verb.help) < 110 and verb.help.endswith(".") for verb in VERBS.values())
