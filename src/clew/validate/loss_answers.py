"""Questions about a training, and what an answer to one of them holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from clew.intervals import number
from clew.result import Result

Topic = Literal["converging", "learning rate", "overfitting", "underfitting", "epochs", "early stopping"]
Verdict = Literal["yes", "no", "too high", "too low", "fine", "overfits", "underfits", "cannot tell"]
QUESTIONS: dict[Topic, str] = {
    "converging": "Is it converging?",
    "learning rate": "Is the learning rate right?",
    "overfitting": "Does it overfit?",
    "underfitting": "Does it underfit?",
    "epochs": "Were there enough epochs?",
    "early stopping": "Would early stopping have helped?",
}
SAID: dict[tuple[Topic, Verdict], str] = {
    ("converging", "yes"): "It converges",
    ("converging", "no"): "It does not converge",
    ("converging", "cannot tell"): "Whether it converges cannot be told",
    ("learning rate", "too high"): "The learning rate is too high",
    ("learning rate", "too low"): "The learning rate is too low",
    ("learning rate", "fine"): "The learning rate is fine",
    ("learning rate", "cannot tell"): "Whether the learning rate is right cannot be told",
    ("overfitting", "overfits"): "It overfits",
    ("overfitting", "no"): "It does not overfit",
    ("overfitting", "cannot tell"): "Whether it overfits cannot be told",
    ("underfitting", "underfits"): "It underfits",
    ("underfitting", "no"): "It does not underfit",
    ("underfitting", "cannot tell"): "Whether it underfits cannot be told",
    ("epochs", "yes"): "There were enough epochs",
    ("epochs", "no"): "There were too few epochs",
    ("epochs", "cannot tell"): "Whether there were enough epochs cannot be told",
    ("early stopping", "yes"): "Early stopping would have helped",
    ("early stopping", "no"): "Early stopping would not have helped",
    ("early stopping", "cannot tell"): "Whether early stopping would have helped cannot be told",
}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Answer(Result):
    """One question about a training, answered.

    Parameters
    ----------
    topic : str
        "converging", "learning rate", "overfitting", "underfitting", "epochs" or "early stopping".
    answer : str
        "yes", "no", "too high", "too low", "fine", "overfits", "underfits" or "cannot tell".
    sentence : str
        The answer with its numbers.
    advice : str
        What would help; "" where nothing needs to.
    evidence : dict of str to float
        The numbers that the rule went by.
    """

    topic: Topic
    answer: Verdict
    sentence: str
    advice: str
    evidence: dict[str, float]

    @property
    def question(self) -> str:
        """Return the question in words."""
        return QUESTIONS[self.topic]

    def headline(self) -> str:
        """Say the answer with its numbers."""
        return self.sentence

    def summary(self) -> dict[str, Any]:
        """Return question, answer, what would help, and the numbers behind."""
        return {
            "question": self.question,
            "answer": self.answer,
            "sentence": self.sentence,
            "advice": self.advice,
            "evidence": {name: number(value) for name, value in self.evidence.items()},
        }


def answer(topic: Topic, verdict: Verdict, because: str, advice: str = "", **evidence: float) -> Answer:
    """Return an answer whose sentence is the verdict and why."""
    numbers = {name: float(value) for name, value in evidence.items()}
    said = f"{SAID[topic, verdict]}: {because}."
    return Answer(topic=topic, answer=verdict, sentence=said, advice=advice, evidence=numbers)
