"""Tokenisers: from text, or the letters of DNA, to whole numbers and back.

Four kinds, each made from the text that is to be learnt: characters, words, k-mers, and byte-pair encoding. All are one table of
tokens and one rule by which a text falls into pieces, so that all can be written as the ``tokenizer.json`` of Hugging Face, and
those that others trained are read. Nothing is lost: what was encoded without an unknown token is decoded to the same text.

Byte-pair encoding after Sennrich, Haddow & Birch (2016), arXiv:1508.07909; over bytes as in Radford et al. (2019).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import regex

from clew.errors import DataError, SettingError, check, check_choice
from clew.kernels.merging import APART, count_pairs, forget_pairs, merge_all, merge_pair
from clew.read.kinds import read_bytes
from clew.result import literal_choices, write_whole

TokenKind = Literal["characters", "words", "k-mers", "bpe"]
PAD, UNKNOWN, BEGIN, END, MASK = "<pad>", "<unk>", "<bos>", "<eos>", "<mask>"
CHARACTER, WORD = r"[\s\S]", r" ?[\w]+| ?[^\s\w]|\s"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"  # of GPT-2, as it was published
BASES = "ACGT"
LONGEST_K = 8  # 4 ** 8 tokens
LARGEST = 10_000  # words or merges that are learnt


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """Tokens, and how a text is cut into them.

    Parameters
    ----------
    kind : {"characters", "words", "k-mers", "bpe"}
    tokens : list of str
        The vocabulary; the place of a token is its code.
    pattern : str
        The pieces of a text, as a regular expression; "" takes it whole.
    special : list of str
        Tokens that stand for no text, such as ``<unk>``.
    merges : list of two str each
        Of byte-pair encoding: what is put together within a piece, in this order.
    unknown : str or None
        The token that stands for what is not known; None where everything is.
    before : str
        Is put before each text, and taken off again: with " " the first word is one like any other.
    bytes_ : bool
        Whether the text is taken byte by byte, each under the letter that GPT-2 gave it.
    """

    kind: TokenKind
    tokens: list[str]
    pattern: str = ""
    special: list[str] = field(default_factory=list)
    merges: list[list[str]] = field(default_factory=list)
    unknown: str | None = UNKNOWN
    before: str = ""
    bytes_: bool = False

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"<Tokenizer: {self.kind}, {len(self):,} tokens>"

    @cached_property
    def codes(self) -> dict[str, int]:
        """Return the code of each token."""
        return {token: code for code, token in enumerate(self.tokens)}

    def code(self, token: str) -> int:
        """Return the code of a special token.

        Raises
        ------
        DataError
            If the tokeniser has none such.
        """
        check(token in self.codes, DataError, "The tokeniser of this model must have a token {}. Got none among its {:,}.", token, len(self))  # fmt: skip
        return self.codes[token]

    # ---- there ----
    def encode(self, text: str) -> np.ndarray:
        """Return the codes of a text, int64 (n,); ``<unk>`` stands for what is not known.

        Raises
        ------
        DataError
            If something is not known and the tokeniser has no token for that.
        """
        if text and not (self.bytes_ and text.startswith(" ")):
            text = self.before + text
        whole = self._by_letter(text) if self.kind == "characters" else self._by_piece(text)
        if self.unknown is None and (whole < 0).any():
            known = set().union(*(one for one in self.tokens if one not in self.special))
            named = next((one for one in text if one not in known), text[:20])
            raise DataError(f"The text must be of characters that the model knows. Got {named!r}.")
        if self.unknown is not None:
            whole = np.where(whole < 0, self.codes[self.unknown], whole)
        return whole.astype(np.int64)

    def _by_letter(self, text: str) -> np.ndarray:
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        known, codes = self._letters
        place = np.searchsorted(known, points).clip(max=max(0, len(known) - 1))
        found = known[place] == points if len(known) else np.zeros(len(points), bool)
        return np.where(found, codes[place] if len(known) else 0, -1)

    @cached_property
    def _letters(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the code points of the tokens of one letter in order, and their codes."""
        letters = [
            (ord(token), code)
            for token, code in self.codes.items()
            if len(token) == 1 and token not in self.special
        ]
        table = np.array(sorted(letters), np.int64).reshape(-1, 2)
        return table[:, 0].astype(np.uint32), table[:, 1]

    def _by_piece(self, text: str) -> np.ndarray:
        pieces = self._pieces(text)
        if self.kind != "bpe":
            special = set(self.special)
            table = {token: code for token, code in self.codes.items() if token not in special}
            return np.fromiter((table.get(one, -1) for one in pieces), np.int64)
        alike: dict[str, int] = {}
        order = np.fromiter((alike.setdefault(one, len(alike)) for one in pieces), np.int64)
        merged, ends = self._merged(list(alike))
        starts = np.concatenate([[0], ends[:-1]])
        lengths = (ends - starts)[order]
        first = np.repeat(starts[order] - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
        return merged[first + np.arange(len(first))]

    def _pieces(self, text: str) -> list[str]:
        """Cut a text; of a tokeniser of bytes, the pieces are of the letters that stand for them."""
        pieces: list[str] = (
            [one[0] for one in self._finder.finditer(text)] if self.pattern else [text] * bool(text)
        )
        if not self.bytes_:
            return pieces
        return [_latin(one).translate(LETTER_OF_BYTE) for one in pieces]

    @cached_property
    def _finder(self) -> Any:
        """Return what finds the pieces; what a pattern of others leaves between two of them is a piece, too."""
        gapless = self.pattern in (CHARACTER, GPT2) or self.pattern.endswith(f"|{CHARACTER}")
        between = "" if gapless else rf"|(?:(?!{self.pattern})[\s\S])+"
        return regex.compile(self.pattern + between)

    def _merged(self, pieces: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the tokens of different pieces in one array, and where each piece ends."""
        letters = [self._by_letter(one).astype(np.int32) for one in pieces]
        # an unknown letter keeps its place, under a code that no pair holds
        strange = np.int32(len(self))
        apart = np.array([APART], np.int32)
        whole = np.concatenate(
            [part for one in letters for part in (np.where(one < 0, strange, one), apart)] or [apart]
        ).astype(np.int32)
        pairs = np.array([[self.codes[a], self.codes[b]] for a, b in self.merges], np.int32).reshape(-1, 2)
        made = np.array([self.codes[a + b] for a, b in self.merges], np.int32)
        whole = whole[: merge_all(whole, pairs, made)]
        borders = np.flatnonzero(whole == APART)
        ends = borders - np.arange(len(borders))
        kept = whole[whole != APART].astype(np.int64)
        return np.where(kept == strange, -1, kept), ends

    # ---- back ----
    def decode(self, codes: Iterable[int]) -> str:
        """Return the text of codes; special tokens say nothing, but for ``<unk>``, which is shown.

        Raises
        ------
        DataError
            If a code is none of its tokens'.
        """
        codes = [int(code) for code in codes]
        strange = [code for code in codes if not 0 <= code < len(self)]
        check(
            not strange,
            DataError,
            "The codes to decode must be from 0 to {}. Got {}.",
            len(self) - 1,
            *strange[:1],
        )
        silent = {self.codes[one] for one in self.special if one != self.unknown}
        said = [self.tokens[code] for code in codes if code not in silent]
        text = "".join(said)
        if self.bytes_:
            text = text.translate(BYTE_OF_LETTER).encode("latin-1").decode("utf-8", "replace")
        return text if self.bytes_ else text.removeprefix(self.before)

    def unknown_in(self, text: str) -> Counter[str]:
        """Return how often each piece that it does not know occurs in a text."""
        if self.unknown is None or self.bytes_:
            return Counter()
        special = set(self.special)
        letters = self.kind in ("characters", "bpe")
        pieces = Counter(text if letters or not text else self._pieces(self.before + text))
        return Counter({one: n for one, n in pieces.items() if one not in self.codes or one in special})

    # ---- kept ----
    def to_config(self) -> dict[str, Any]:
        """Return it as JSON can say it."""
        names = ("kind", "tokens", "pattern", "special", "merges", "unknown", "before", "bytes_")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Tokenizer:
        """Return what `to_config` was made of."""
        return cls(**config)

    def write(self, path: str | Path) -> Path:
        """Write a ``tokenizer.json`` that Hugging Face's tokenizers read, with the same codes for every text.

        But for texts that spell out a special token, such as ``<unk>``: there, such a text is the token; here it is a text.
        """
        return write_whole(path, json.dumps(self.to_hugging_face(), ensure_ascii=False, indent=1).encode())

    def to_hugging_face(self) -> dict[str, Any]:
        """Return what stands in a ``tokenizer.json``."""
        split = {"type": "Split", "pattern": {"Regex": self.pattern}, "behavior": "Isolated", "invert": False}
        cuts: dict[str, Any] | None = split if self.pattern else None
        decoders: list[dict[str, Any]] = [{"type": "Fuse"}]
        if self.bytes_:
            own = self.pattern != GPT2
            level = {
                "type": "ByteLevel",
                "add_prefix_space": bool(self.before),
                "trim_offsets": True,
                "use_regex": not own,
            }
            decoders = [level]
            cuts = {"type": "Sequence", "pretokenizers": [split, level]} if cuts and own else level
        elif self.before:
            decoders.append({"type": "Strip", "content": self.before, "start": 1, "stop": 0})
        vocabulary = dict(self.codes)
        model: dict[str, Any] = {
            "type": "WordLevel",
            "vocab": vocabulary,
            "unk_token": self.unknown or UNKNOWN,
        }
        if self.kind == "bpe":
            model = {
                "type": "BPE", "dropout": None, "unk_token": self.unknown, "continuing_subword_prefix": None,
                "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                "vocab": vocabulary, "merges": self.merges,
            }  # fmt: skip
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {"id": self.codes[one], "content": one, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
                for one in self.special
            ],
            "normalizer": {"type": "Prepend", "prepend": self.before} if self.before and not self.bytes_ else None,
            "pre_tokenizer": cuts,
            "post_processor": None,
            "decoder": {"type": "Sequence", "decoders": decoders} if len(decoders) > 1 else decoders[0],
            "model": model,
        }  # fmt: skip


# ---- made ----
def learn_tokenizer(
    texts: Sequence[str],
    *,
    kind: TokenKind = "characters",
    size: int = 1000,
    k: int = 6,
    special: Sequence[str] = (UNKNOWN,),
    whole: bool = False,
) -> Tokenizer:
    """Make a tokeniser of the texts that are to be learnt.

    Parameters
    ----------
    texts : sequence of str
    kind : {"characters", "words", "k-mers", "bpe"}
        Each character a token; words and marks, the most frequent ones; k bases after k bases of DNA, and single ones where
        they do not come out even or one is ambiguous; or byte-pair encoding: the most frequent pair of tokens becomes one,
        again and again.
    size : int
        Of words, how many at most; of bpe, how many merges; up to 10,000.
    k : int
        Of k-mers.
    special : sequence of str
        Tokens that come first; without ``<unk>``, texts with anything unknown are refused.
    whole : bool
        Of bpe, whether merges cross the borders of words, as in DNA, which has none.

    Raises
    ------
    SettingError
        If a setting is out of range.
    DataError
        If the texts are empty.
    """
    check_choice(kind, literal_choices(TokenKind)[0], what="'tokens' setting", of="a language model")
    check(any(texts), DataError, "The text to learn from must hold characters. Got an empty one.")
    front = list(special)
    unknown = UNKNOWN if UNKNOWN in front else None
    if kind == "characters":
        return Tokenizer(kind, [*front, *sorted(set().union(*texts))], CHARACTER, front, unknown=unknown)
    if kind == "k-mers":
        check(1 <= k <= LONGEST_K, SettingError, "The 'k' of k-mers must be from 1 to {}. Got {} instead.", LONGEST_K, k)  # fmt: skip
        words = ["".join(one) for one in product(BASES, repeat=k)] if k > 1 else []
        others = sorted(set().union(*texts) | set(BASES))
        return Tokenizer(
            kind, [*front, *words, *others], f"[{BASES}]{{{k}}}|{CHARACTER}", front, unknown=unknown
        )
    check(1 <= size <= LARGEST, SettingError, "The 'vocabulary' of a language model must be from 1 to {:,}. Got {} instead.", LARGEST, size)  # fmt: skip
    if kind == "words":
        found = Tokenizer(kind, [], WORD, before=" ")
        counts = Counter(piece for text in texts for piece in found._pieces(" " + text))
        kept = sorted(counts, key=lambda word: (-counts[word], word))[:size]
        return Tokenizer(kind, [*front, *kept], WORD, front, unknown=unknown, before=" ")
    return _learn_merges(
        texts,
        Tokenizer(
            kind, [*front, *sorted(set().union(*texts))], "" if whole else WORD, front, unknown=unknown
        ),
        size,
    )


def _learn_merges(texts: Sequence[str], made: Tokenizer, size: int) -> Tokenizer:
    """Add merges to a tokeniser of letters; of pairs that are equally frequent, the one whose tokens were there first."""
    pieces = Counter(piece for text in texts for piece in made._pieces(text))
    coded = [made._by_letter(piece) for piece in pieces]
    codes = np.concatenate([part for one in coded for part in (one, [APART])]).astype(np.int32)
    weight = np.repeat(list(pieces.values()), [len(one) + 1 for one in coded]).astype(np.int64)
    tokens, merges, known = list(made.tokens), list[list[str]](), dict(made.codes)
    counts = np.zeros((len(tokens) + size,) * 2, np.int64)
    for _ in range(size):
        first, second = count_pairs(codes, weight, counts)
        often = first != APART and counts[first, second] > 1
        forget_pairs(codes, counts)
        if not often:
            break
        merges.append([tokens[first], tokens[second]])
        both = tokens[first] + tokens[second]
        code = known.setdefault(both, len(tokens))  # "a" + "bc" may be there as "ab" + "c"
        tokens += [both] * (code == len(tokens))
        left = merge_pair(codes, weight, first, second, code)
        codes, weight = codes[:left], weight[:left]
    return replace(made, tokens=tokens, merges=merges)


# ---- read ----
def read_tokenizer(path: str | Path) -> Tokenizer:
    """Read a ``tokenizer.json`` of Hugging Face: words (WordLevel) or byte-pair encoding (BPE).

    What such a file would put around every text, such as ``[CLS]``, is left out.

    Raises
    ------
    DataError
        If it is no such file, or does what clew's tokenisers do not, which is named.
    """
    path = Path(path)
    data = read_bytes(path)
    try:
        return _of_hugging_face(json.loads(data))
    except (ValueError, LookupError, TypeError, AttributeError, regex.error) as error:
        got = str(error) if isinstance(error, _Strange) else f"one that is damaged ({type(error).__name__})"
        raise DataError(
            f"The file '{path}' must be a tokenizer.json of words or byte pairs that clew can follow. Got {got}."
        ) from error


class _Strange(ValueError):
    """A part of a tokeniser that clew does not have."""


def _of_hugging_face(found: Mapping[str, Any]) -> Tokenizer:
    model = found["model"]
    kind = model.get("type", "BPE" if "merges" in model else "WordLevel")
    if kind not in ("WordLevel", "BPE"):
        raise _Strange(f"the model {kind}")
    for name in (
        "dropout",
        "continuing_subword_prefix",
        "end_of_word_suffix",
        "byte_fallback",
        "fuse_unk",
        "ignore_merges",
    ):
        if model.get(name):
            raise _Strange(f"{name} = {model[name]!r}")
    before, cut = "", found.get("pre_tokenizer")
    normal = found.get("normalizer")
    if normal is not None:
        if normal["type"] != "Prepend":
            raise _Strange(f"the normalizer {normal['type']}")
        before = normal["prepend"]
    patterns, by_bytes = list[str](), False
    parts = [] if cut is None else cut["pretokenizers"] if cut["type"] == "Sequence" else [cut]
    for part in parts:
        if part["type"] == "ByteLevel":
            by_bytes = True
            before = " " if part.get("add_prefix_space") else before
            patterns += [GPT2] * part.get("use_regex", True)
        elif part["type"] == "Split" and part["behavior"] == "Isolated" and not part.get("invert"):
            patterns.append(part["pattern"].get("Regex", "") or _escaped(part["pattern"]["String"]))
        else:
            raise _Strange(f"the pre-tokenizer {part['type']}")
    if len(patterns) > 1:
        raise _Strange("a text that is cut twice")
    pattern = "".join(patterns)
    codes: dict[str, int] = dict(model["vocab"])
    special = [one["content"] for one in found.get("added_tokens", [])]
    codes |= {one["content"]: one["id"] for one in found.get("added_tokens", [])}
    tokens = sorted(codes, key=codes.__getitem__)
    if sorted(codes.values()) != list(range(len(codes))):
        raise _Strange("codes that are not 0, 1, 2, ...")
    merges = [one.split(" ") if isinstance(one, str) else list(one) for one in model.get("merges", [])]
    if any({a, b, a + b} - codes.keys() for a, b in merges):
        raise _Strange("merges of tokens that it does not have")
    regex.compile(pattern)  # refuses one that is none
    unknown = model.get("unk_token")
    ours: TokenKind = (
        "bpe" if kind == "BPE" else "characters" if pattern == CHARACTER
        else "k-mers" if pattern.startswith(f"[{BASES}]{{") else "words"
    )  # fmt: skip
    return Tokenizer(ours, tokens, pattern, special, merges, unknown if unknown in codes else None, before, by_bytes)  # fmt: skip


def _escaped(text: str) -> str:
    escaped: str = regex.escape(text)
    return escaped


def _latin(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _letters_of_bytes() -> dict[int, str]:
    """Return the printable letter under which GPT-2 keeps each byte: its own where it has one, else the next from 256 on."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [one for one in range(256) if one not in own]
    return {one: chr(one) for one in own} | {one: chr(256 + i) for i, one in enumerate(others)}


LETTER_OF_BYTE = _letters_of_bytes()
BYTE_OF_LETTER = {ord(letter): chr(byte) for byte, letter in LETTER_OF_BYTE.items()}
