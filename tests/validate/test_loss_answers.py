"""An answer says its verdict and why, and comes back from a file as it was."""

import typing

import numpy as np

from clew.result import Result, differences
from clew.validate.loss_answers import QUESTIONS, SAID, Topic, Verdict, answer


def found():
    return answer(
        "overfitting",
        "overfits",
        "the validation loss rose",
        "More rows.",
        rise=np.float64(0.25),
        error=np.nan,
    )


def test_the_sentence_is_the_verdict_and_why():
    assert found().sentence == found().headline() == "It overfits: the validation loss rose."
    assert found().question == "Does it overfit?"


def test_the_summary_is_plain_and_has_none_for_what_is_no_number():
    assert found().summary() == {
        "question": "Does it overfit?",
        "answer": "overfits",
        "sentence": "It overfits: the validation loss rose.",
        "advice": "More rows.",
        "evidence": {"rise": 0.25, "error": None},
    }


def test_every_topic_has_a_question_and_words_for_what_cannot_be_told():
    assert set(QUESTIONS) == {topic for topic, _ in SAID} == set(typing.get_args(Topic))
    assert {verdict for _, verdict in SAID} == set(typing.get_args(Verdict))
    assert all("cannot be told" in SAID[topic, "cannot tell"] for topic in QUESTIONS)


def test_it_comes_back_from_a_file_as_it_was(tmp_path):
    again = Result.load(found().save(tmp_path / "answer.zip"))
    assert differences(found(), again) == []
