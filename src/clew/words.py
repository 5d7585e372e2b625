"""How clew writes names and p-values in a sentence, the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str], *, last: str = "and") -> str:
    """Write names as people do: "a", "a and b", "a, b and c"; nothing for none."""
    return f" {last} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def spell_p(p: float) -> str:
    """Write a p-value with the digits that count: "0.41", "0.005"; a smaller one as "0.000" would say too much."""
    return f"{p:.2f}" if p >= 0.0995 else f"{p:.3f}" if p >= 0.0005 else f"{p:.1g}"
