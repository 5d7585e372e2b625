"""Where a net computes: device, threads, precision and random state, all as they were afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from clew.errors import DataError, SettingError, check
from clew.neural.recipe import Precision

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def device_of(name: str) -> torch.device:
    """Return the device of a name; "auto" is a GPU if there is one.

    Raises
    ------
    SettingError
        If there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # "meta" holds no numbers
    except (RuntimeError, AssertionError, NotImplementedError, TypeError):
        there = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        raise SettingError(
            f"The 'device' of a net must be auto or one that this machine has ({', '.join(there)}). Got '{name}' instead."
        ) from None
    return device


def computing(precision: Precision, device: torch.device) -> tuple[torch.dtype, torch.dtype | None]:
    """Return the dtype of the weights, and that of mixed arithmetic (None: all in the first).

    Raises
    ------
    SettingError
        If float16 is asked for on a CPU, which has no arithmetic for it that would be faster.
    """
    if precision == "auto":
        mixed = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.float32, torch.bfloat16 if mixed else None
    check(
        precision != "float16" or device.type == "cuda",
        SettingError,
        "The 'precision' float16 of a net must go with a GPU. Got the device '{}'.",
        device,
    )
    given = DTYPES[precision]
    return (given, None) if given in (torch.float32, torch.float64) else (torch.float32, given)


@contextlib.contextmanager
def as_it_comes() -> Iterator[None]:
    """Let torch compute as it does when nothing was set: what a caller has chosen would change bits, or forbid gradients."""
    dtype, precision = torch.get_default_dtype(), torch.get_float32_matmul_precision()
    torch.set_default_dtype(torch.float32)
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.set_default_dtype(dtype)


@contextlib.contextmanager
def threads(n: int) -> Iterator[None]:
    """Let torch compute with so many threads, and with as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        with as_it_comes():
            yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def seeded(random_state: int) -> Iterator[None]:
    """Draw from torch's global generators as ``random_state`` says; the caller's come out as they went in."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), as_it_comes():
        torch.manual_seed(random_state)
        yield


def check_module(net: Any) -> None:
    """Refuse what is no torch module, such as an estimator, which takes rows on another scale."""
    check(isinstance(net, torch.nn.Module), SettingError, "The net to look into must be a torch module, as `.net_` of a fitted estimator is. Got {} instead.", type(net).__name__)  # fmt: skip


@contextlib.contextmanager
def evaluating(net: torch.nn.Module) -> Iterator[None]:
    """Switch drop-out and the like off, keep no gradients, and leave every module as it was."""
    before = {module: module.training for module in net.modules()}
    net.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in before.items():
            module.training = mode


@contextlib.contextmanager
def memory_told(rows: str, helps: str) -> Iterator[None]:
    """Say in one sentence that rows do not fit into memory, and what helps.

    Raises
    ------
    DataError
        Instead of torch's own errors.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        on_gpu = isinstance(error, torch.OutOfMemoryError)
        on_cpu = isinstance(error, MemoryError) or "can't allocate memory" in str(error)
        if not on_gpu and not on_cpu:
            raise
        where = "GPU" if on_gpu else "machine"
        raise DataError(f"The {where} must have memory for {rows}. Got none left: {helps}.") from error
