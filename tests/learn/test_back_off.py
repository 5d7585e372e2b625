"""Counts with back-off, against plain Python and what chance gives."""

import gzip
from collections import Counter

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.learn.back_off import BackOff, count_contexts
from tests.conftest import shared


def drawn(n=3000, seed=0):
    """Return tokens of which each depends on the two before it."""
    random = np.random.default_rng(seed)
    shares = random.dirichlet(np.full(4, 0.5), (4, 4))
    tokens = [0, 1]
    for _ in range(n - 2):
        tokens.append(int(random.choice(4, p=shares[tokens[-2], tokens[-1]])))
    return np.array(tokens, np.int64)


def slow(documents, asked, made):
    """Return the probabilities by dictionaries."""
    out = []
    for i, token in enumerate(asked):
        likely = 1 / 4
        for k in range(made.order + 1):
            if k > i:
                continue
            context = tuple(asked[i - k : i])
            after = Counter()
            for one in documents:
                for j in range(k, len(one)):
                    if tuple(one[j - k : j]) == context:
                        after[int(one[j])] += 1
            likely = (after[int(token)] + made.beta[k] * likely) / (sum(after.values()) + made.beta[k])
        out.append(likely)
    return np.array(out)


def test_probabilities_are_those_of_plain_python():
    documents, asked = [drawn(150), drawn(90, 1)], drawn(40, 2)
    made = count_contexts(documents, order=3, n_tokens=4)
    np.testing.assert_allclose(made.probabilities(asked), slow(documents, asked, made), rtol=1e-12)


def test_the_four_tokens_share_one():
    made = count_contexts([drawn(400)], order=3, n_tokens=4)
    for before in ([0, 1, 2], [3, 3, 3]):
        likely = [made.probabilities(np.array([*before, one]))[-1] for one in range(4)]
        assert sum(likely) == pytest.approx(1, abs=1e-12)


def test_longer_contexts_help_just_as_far_as_there_is_something():
    whole = drawn(60_000)
    made = count_contexts([whole[:54_000]], order=5, n_tokens=4)
    bits = [made.bits(whole[54_000:], order=k) for k in range(6)]
    assert bits[1] < bits[0] - 0.01
    assert bits[2] < bits[1] - 0.01
    assert abs(bits[5] - bits[2]) < 0.01  # nothing is lost by contexts that tell nothing


def test_what_depends_on_nothing_costs_two_bits():
    random = np.random.default_rng(1)
    made = count_contexts([random.integers(0, 4, 50_000)], order=6, n_tokens=4)
    assert made.bits(random.integers(0, 4, 5000)) == pytest.approx(2, abs=0.005)


def test_both_strands_are_one_text_twice():
    text, other = drawn(300), np.array([3, 2, 1, 0])
    made = count_contexts([text], order=2, n_tokens=4, complement=other)
    both = count_contexts([text, other[text[::-1]]], order=2, n_tokens=4)
    for k in range(3):
        np.testing.assert_array_equal(made.contexts[k], both.contexts[k])
        np.testing.assert_array_equal(made.counts[k], both.counts[k])


def test_contexts_that_do_not_fit_are_shorter():
    assert count_contexts([drawn(50)], order=99, n_tokens=4).order == 30


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(DataError, match="must hold tokens"):
        count_contexts([np.array([], np.int64)], order=2, n_tokens=4)
    with pytest.raises(SettingError, match="at least 0"):
        count_contexts([drawn(9)], order=-1, n_tokens=4)


def test_the_betas_can_be_wrong():  # the mutant: contexts that count too much cost bits
    random = np.random.default_rng(1)
    made = count_contexts([random.integers(0, 4, 20_000)], order=6, n_tokens=4)
    keen = BackOff(6, 4, np.full(7, 0.01), made.contexts, made.counts)
    assert keen.bits(random.integers(0, 4, 5000)) > 2.05


@pytest.mark.slow
def test_the_genome_of_e_coli_costs_what_others_counted():
    """Orders 0 to 7 of both strands on the last tenth were counted apart from this code, with add-1/2 at short contexts.

    The mutant: choosing on many small pieces, whose repeats lie near by, makes order 12 cost 1.928.
    """
    with gzip.open(shared("dna/genomes/ecoli_k12_mg1655.fa.gz"), "rt") as file:
        genome = "".join(line.strip() for line in file if not line.startswith(">"))
    codes = np.frombuffer(genome.translate(str.maketrans("ACGT", "\0\1\2\3")).encode(), np.uint8).astype(
        np.int64
    )
    cut = int(len(codes) * 0.9)
    made = count_contexts([codes[:cut]], order=12, n_tokens=4, complement=np.array([3, 2, 1, 0]))
    found = [made.bits(codes[cut:], order=k) for k in range(8)]
    np.testing.assert_allclose(
        found, [1.9997, 1.9828, 1.9644, 1.9522, 1.9441, 1.9374, 1.9328, 1.9297], atol=4e-4
    )
    assert made.bits(codes[cut:]) < 1.920
