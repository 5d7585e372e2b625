"""Windows of tokens as rows: cut when they are asked for, so that a text is held once and every place of it can be one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from clew.neural.objectives import PADDING
from clew.neural.rows import Rows

HIDDEN, BY_MASK, BY_OTHER = 0.15, 0.8, 0.1  # Devlin et al. (2019), arXiv:1810.04805


@dataclass(frozen=True, eq=False)
class TokenWindows:
    """Windows of a long sequence of tokens; what is to be said at each token is the next one.

    Parameters
    ----------
    tokens : Tensor of int64, shape (n,)
    length : int
        Of a window; the sequence holds more.
    stride : int
        Tokens from one window to the next.
    """

    tokens: Tensor
    length: int
    stride: int = 1

    def __len__(self) -> int:
        return (len(self.tokens) - 1 - self.length) // self.stride + 1

    @property
    def parts(self) -> list[Tensor]:
        """Return the tensors that there are."""
        return [self.tokens]

    def take(self, rows: Tensor) -> Rows:
        """Cut some of the windows, by their numbers."""
        at = rows.cpu()[:, None] * self.stride + torch.arange(self.length + 1)
        both = self.tokens[at]
        return Rows(both[:, :-1].contiguous(), both[:, 1:].contiguous())

    def to(self, device: torch.device, dtype: torch.dtype | None = None) -> TokenWindows:
        """Return the windows; tokens stay where they are, only what is cut moves."""
        return replace(self)


def whole_rows(tokens: np.ndarray, length: int) -> Rows:
    """Return all of a sequence, int64 (n,), as windows side by side; the last is filled up, and nothing is asked of that part."""
    n = max(1, -(-(len(tokens) - 1) // length))
    x = np.zeros(n * length, np.int64)
    y = np.full(n * length, PADDING, np.int64)
    x[: len(tokens) - 1], y[: len(tokens) - 1] = tokens[:-1], tokens[1:]
    return Rows(torch.from_numpy(x.reshape(n, length)), torch.from_numpy(y.reshape(n, length)))


@dataclass(frozen=True)
class Hide:
    """Hide some tokens of each window, and ask for these alone: of 100, 15; of these 12 become ``<mask>``, 1 or 2 another.

    Parameters
    ----------
    mask : int
        The code that hides.
    first : int
        The first code that is a token of the text.
    n_tokens : int
    """

    mask: int
    first: int
    n_tokens: int

    def __call__(self, rows: Rows, generator: torch.Generator) -> Rows:
        """Change a batch; drawn from the generator alone."""
        x = rows.x
        drawn = torch.rand(x.shape, generator=generator)
        drawn[torch.arange(len(x)), torch.randint(x.shape[1], (len(x),), generator=generator)] = (
            0.0  # one at least, unless it is special
        )
        how = torch.rand(x.shape, generator=generator)
        other = torch.randint(self.first, self.n_tokens, x.shape, generator=generator)
        hidden = (drawn < HIDDEN) & (x >= self.first)
        y = torch.where(hidden, x, PADDING)
        shown = torch.where(how < BY_MASK, self.mask, torch.where(how < BY_MASK + BY_OTHER, other, x))
        return Rows(torch.where(hidden, shown, x), y)
