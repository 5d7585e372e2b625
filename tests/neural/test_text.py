"""Tokenisers: nothing is lost, and Hugging Face's say the same."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.errors import DataError, SettingError
from clew.neural.text import (
    BASES,
    GPT2,
    LETTER_OF_BYTE,
    UNKNOWN,
    Tokenizer,
    learn_tokenizer,
    read_tokenizer,
)

TEXT = (
    "Die Katze sitzt neben dem Mikroskop.\nDer Hund, der die Katze sieht, sitzt nicht; 12 Katzen sitzen.\n"
    * 3
)
DNA = "".join(np.random.default_rng(0).choice(list(BASES), 3000)) + "TATAAT" * 50
KINDS = {
    "characters": {"kind": "characters"},
    "words": {"kind": "words"},
    "bpe": {"kind": "bpe", "size": 40},
}
SPLIT = {"type": "Split", "pattern": {"Regex": r"\w+"}, "behavior": "Isolated", "invert": False}
OF_DNA = {"k-mers": {"kind": "k-mers", "k": 4}, "whole": {"kind": "bpe", "size": 60, "whole": True}}


def of_bytes(merges=0):
    """Return a tokeniser as GPT-2's: bytes, and some merges of what a text holds."""
    base = Tokenizer("bpe", sorted(LETTER_OF_BYTE.values()), GPT2, unknown=None, bytes_=True)
    found = learn_tokenizer(list(base._pieces(TEXT)), kind="bpe", size=merges or 1, special=(), whole=True)
    more = [one for one in found.tokens if len(one) > 1]
    return Tokenizer("bpe", [*base.tokens, *more], GPT2, [], found.merges, None, "", True)


@pytest.mark.parametrize("how", KINDS.values(), ids=KINDS)
def test_a_text_comes_back_as_it_was(how):
    made = learn_tokenizer([TEXT], **how)
    codes = made.encode(TEXT)
    assert made.decode(codes) == TEXT
    assert codes.dtype == np.int64
    assert made.codes[UNKNOWN] not in codes


@pytest.mark.parametrize("how", OF_DNA.values(), ids=OF_DNA)
def test_dna_comes_back_in_fewer_tokens(how):
    made = learn_tokenizer([DNA], **how)
    assert made.decode(made.encode(DNA)) == DNA
    assert len(made.encode(DNA)) < len(DNA) / 1.5


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_bytes_know_every_text(text):
    made = of_bytes(30)
    assert made.decode(made.encode(text)) == text


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from(sorted(set(TEXT))), max_size=80))
def test_letters_in_any_order_come_back(text):
    for how in (KINDS["characters"], KINDS["bpe"]):
        made = learn_tokenizer([TEXT], **how)
        assert made.decode(made.encode(text)) == text


def test_what_is_not_known_is_one_token_and_is_counted():
    for how in KINDS.values():
        made = learn_tokenizer([TEXT], **how)
        codes = made.encode("Die Kätze sitzt ♞")
        assert (codes == made.codes[UNKNOWN]).sum() == sum(made.unknown_in("Die Kätze sitzt ♞").values()) > 0
        assert UNKNOWN in made.decode(codes)
    assert learn_tokenizer([TEXT]).unknown_in("Kätze ♞ ♞") == {"ä": 1, "♞": 2}


def test_a_text_that_spells_a_special_token_is_no_special_token():
    for how in KINDS.values():
        made = learn_tokenizer([TEXT + "<pad>"], **how, special=("<pad>", UNKNOWN))
        assert made.codes["<pad>"] not in made.encode("<pad>")


def test_k_mers_that_do_not_come_out_even_end_in_bases():
    made = learn_tokenizer([DNA + "N"], kind="k-mers", k=3)
    assert [made.tokens[code] for code in made.encode("ACGTTACNGGT")] == ["ACG", "TTA", "C", "N", "GGT"]
    assert len(made) == 1 + 64 + 5


def test_the_most_frequent_pair_is_merged_first():
    made = learn_tokenizer(["TATATATAGC"], kind="bpe", size=2, whole=True)
    assert made.merges == [["T", "A"], ["TA", "TA"]]
    assert [made.tokens[one] for one in made.encode("TATATAG")] == ["TATA", "TA", "G"]


def test_merges_end_where_nothing_occurs_twice():
    assert learn_tokenizer(["abcd"], kind="bpe", size=9, whole=True).merges == []


@pytest.mark.parametrize("name", [*KINDS, *OF_DNA, "bytes"])
def test_hugging_face_says_the_same(tmp_path, name):
    theirs = pytest.importorskip("tokenizers")
    of_dna = name in OF_DNA
    made = (
        of_bytes(40)
        if name == "bytes"
        else learn_tokenizer([DNA if of_dna else TEXT], **(KINDS | OF_DNA)[name])
    )
    other = theirs.Tokenizer.from_file(str(made.write(tmp_path / "tokenizer.json")))
    texts = (
        [DNA[:200], "ACGTNACG", "TTTTTTTTTTTTTTT"]
        if of_dna
        else [TEXT, "Die Katze", "sitzt  neben\n\nKätzen, dem12.", " der Hund "]
    )
    for text in texts:
        codes = made.encode(text).tolist()
        assert other.encode(text).ids == codes
        if made.unknown is None or made.codes[UNKNOWN] not in codes:
            assert other.decode(codes, skip_special_tokens=False) == made.decode(codes) == text
    again = read_tokenizer(tmp_path / "tokenizer.json")
    assert again.to_config() == made.to_config()


def test_what_hugging_face_trained_is_read(tmp_path):
    theirs = pytest.importorskip("tokenizers")
    for by_bytes in (False, True):
        other = theirs.Tokenizer(theirs.models.BPE(unk_token=None if by_bytes else "<unk>"))
        other.pre_tokenizer = theirs.pre_tokenizers.ByteLevel(add_prefix_space=False) if by_bytes else None
        other.decoder = theirs.decoders.ByteLevel() if by_bytes else theirs.decoders.Fuse()
        alphabet = theirs.pre_tokenizers.ByteLevel.alphabet() if by_bytes else []
        special = ["<|endoftext|>" if by_bytes else "<unk>"]
        trainer = theirs.trainers.BpeTrainer(
            vocab_size=340 if by_bytes else 60,
            initial_alphabet=alphabet,
            special_tokens=special,
            show_progress=False,
        )
        other.train_from_iterator([TEXT if by_bytes else DNA], trainer)
        other.save(str(tmp_path / "tokenizer.json"))
        made = read_tokenizer(tmp_path / "tokenizer.json")
        for text in [TEXT, "naïve 12³ ♞ don't  \n x"] if by_bytes else [DNA[:500], "AAAAAAAAAA"]:
            assert made.encode(text).tolist() == other.encode(text).ids
            assert made.decode(made.encode(text)) == text


def test_what_a_pattern_of_others_leaves_out_is_no_less_text(tmp_path):
    theirs = pytest.importorskip("tokenizers")
    made = learn_tokenizer([TEXT], kind="bpe", size=30)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(made.to_hugging_face() | {"pre_tokenizer": SPLIT}))
    other, again = theirs.Tokenizer.from_file(str(path)), read_tokenizer(path)
    assert again.encode(TEXT).tolist() == other.encode(TEXT).ids
    assert again.decode(again.encode(TEXT)) == TEXT


def test_bytes_cut_by_a_pattern_of_their_own_are_read_and_written(tmp_path):
    theirs = pytest.importorskip("tokenizers")
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    cut = {"type": "Sequence", "pretokenizers": [SPLIT, level]}
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(of_bytes(40).to_hugging_face() | {"pre_tokenizer": cut}))
    first = read_tokenizer(path)
    again = theirs.Tokenizer.from_file(str(first.write(tmp_path / "again.json")))
    assert read_tokenizer(tmp_path / "again.json").to_config() == first.to_config()
    for text in (TEXT, "Die Kätze, 12  ♞\n"):
        ids = theirs.Tokenizer.from_file(str(path)).encode(text).ids
        assert ids == again.encode(text).ids == first.encode(text).tolist()
        assert first.decode(ids) == text


def test_a_token_that_two_ways_lead_to_goes_on_as_in_hugging_face(tmp_path):
    theirs = pytest.importorskip("tokenizers")
    merges = [["a", "b"], ["b", "c"], ["a", "bc"], ["abc", "d"], ["ab", "c"]]
    made = Tokenizer("bpe", [*"abcd", "ab", "bc", "abc", "abcd"], merges=merges, unknown=None)
    other = theirs.Tokenizer.from_file(str(made.write(tmp_path / "tokenizer.json")))
    assert [made.tokens[one] for one in made.encode("abcd")] == [
        "abcd"
    ]  # "ab" + "c" comes last, and "abc" + "d" after it
    for text in ("abcdabc", "bcdabcd", "aabcdd"):
        assert made.encode(text).tolist() == other.encode(text).ids


def test_an_empty_text_has_no_tokens(tmp_path):
    theirs = pytest.importorskip("tokenizers")
    for how in KINDS.values():
        made = learn_tokenizer([TEXT], **how)
        assert (
            made.encode("").tolist()
            == theirs.Tokenizer.from_file(str(made.write(tmp_path / "a.json"))).encode("").ids
            == []
        )
        assert made.decode([]) == ""
        assert not made.unknown_in("")


def test_the_first_merges_are_those_of_hugging_face():  # later ones differ: theirs counts a run of a token by overlapping pairs
    theirs = pytest.importorskip("tokenizers")
    other = theirs.Tokenizer(theirs.models.BPE(unk_token=UNKNOWN))
    other.decoder = theirs.decoders.Fuse()
    other.train_from_iterator(
        [DNA], theirs.trainers.BpeTrainer(vocab_size=5 + 6, special_tokens=[UNKNOWN], show_progress=False)
    )
    ours = learn_tokenizer([DNA], kind="bpe", size=6, whole=True)
    found = [
        pair if isinstance(pair, list) else pair.split()
        for pair in json.loads(other.to_str())["model"]["merges"]
    ]
    assert found == ours.merges


@pytest.mark.parametrize(
    "change, got",
    [
        ({"model": {"type": "Unigram", "vocab": []}}, "the model Unigram"),
        ({"normalizer": {"type": "Lowercase"}}, "the normalizer Lowercase"),
        ({"pre_tokenizer": {"type": "Bert"}}, "the pre-tokenizer Bert"),
        ({"model": 3}, "one that is damaged"),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [SPLIT, SPLIT]}}, "cut twice"),
        ({"pre_tokenizer": SPLIT | {"pattern": {"Regex": "("}}}, "one that is damaged"),
        (
            {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": [["a", "b"]]}, "added_tokens": []},
            "does not have",
        ),
        ({"model": {"type": "BPE", "ignore_merges": True, "vocab": {}, "merges": []}}, "ignore_merges"),
    ],
)
def test_what_cannot_be_followed_is_named(tmp_path, change, got):
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(learn_tokenizer([TEXT]).to_hugging_face() | change))
    with pytest.raises(DataError, match=got):
        read_tokenizer(path)


def test_what_is_no_tokeniser_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("{")
    for name, got in {"a.json": "damaged", "none.json": "can be read"}.items():
        with pytest.raises(DataError, match=got):
            read_tokenizer(tmp_path / name)
    with pytest.raises(DataError, match="must hold characters"):
        learn_tokenizer(["", ""])
    with pytest.raises(SettingError, match="must be from 1 to 8"):
        learn_tokenizer([DNA], kind="k-mers", k=9)
    with pytest.raises(SettingError, match="Did you mean"):
        learn_tokenizer([DNA], kind="word")
    with pytest.raises(DataError, match="Got '♞'"):
        Tokenizer("characters", list("ab"), unknown=None).encode("a♞")
    with pytest.raises(DataError, match="Got '♞'"):
        Tokenizer("characters", list("ab"), unknown=None).encode("aaabbb♞")
    with pytest.raises(DataError, match="Got '♞'"):
        learn_tokenizer([TEXT], special=()).encode("Katze ♞")
    with pytest.raises(DataError, match="from 0 to 1. Got -1"):
        Tokenizer("characters", list("ab"), unknown=None).decode([0, 1, -1])
    with pytest.raises(SettingError, match="from 1 to 10,000"):
        learn_tokenizer([TEXT], kind="bpe", size=50_000)
    with pytest.raises(DataError, match="must have a token <mask>"):
        learn_tokenizer([DNA]).code("<mask>")
