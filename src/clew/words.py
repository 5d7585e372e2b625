"""How clew writes names and p-values in a sentence, the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str], *, last: str = "and") -> str:
    """Write names as people do: "a", "a and b", "a, b and c"; nothing for none."""
    return f" {last} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def said_once(remarks: Sequence[str], *, most: int = 3) -> list[str]:
    """Put remarks that differ only in the name they begin with ("'a.npz': ...") into one, where there are more than ``most``.

    The order is that of the first of each.
    """
    names: dict[str, list[str]] = {}
    for remark in dict.fromkeys(remarks):
        name, _, rest = remark.partition("': ")
        quoted = name.startswith("'") and bool(rest)
        names.setdefault(rest if quoted else remark, []).append(f"{name}'" if quoted else "")
    told: list[str] = []
    for rest, own in names.items():
        if len(own) > most:
            told.append(f"{len(own)} files ({', '.join(own[:2])}, ...): {rest}")
        else:
            told += [f"{name}: {rest}" if name else rest for name in own]
    return told


def spell_p(p: float) -> str:
    """Write a p-value with the digits that count: "0.41", "0.005"; a smaller one as "0.000" would say too much."""
    return f"{p:.2f}" if p >= 0.0995 else f"{p:.3f}" if p >= 0.0005 else f"{p:.1g}"
