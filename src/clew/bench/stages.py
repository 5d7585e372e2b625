"""Where the time of a prediction goes, stage by stage, and how far that is from what the memory allows."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import numpy as np

# kernel -> stage; in the order in which they are told
KERNELS = {
    "clew.kernels.filters": {
        "convolve": "convolve",
        "extreme": "top-hat",
        "difference": "derivatives",
        "laplacian": "derivatives",
        "gradient_magnitude": "derivatives",
        "second_derivative": "derivatives",
        "gradient_product": "derivatives",
        "eigenvalues_2": "eigenvalues",
        "eigenvalues_3": "eigenvalues",
    },
    "clew.kernels.forest": {
        "count_below": "rank",
        "sum_leaves": "trees",
        "sum_walks": "trees",
        "add_leaves": "trees",
        "decide": "decide",
        "shares": "decide",
    },
}
AROUND = {
    "scale_of": "look at intensities",
    "block_at": "read, normalise, mirror",
}  # of clew.learn.pixel_model
COPIED_BYTES = 256 * 2**20  # by each thread, to see how fast memory is: far more than any cache holds


@dataclass
class Spending:
    """CPU seconds and bytes of each stage, put together from all threads."""

    seconds: dict[str, float] = field(default_factory=dict)
    moved: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def timed(self, do: Callable[..., Any], stage: str, counts: bool) -> Callable[..., Any]:
        """Return a function that does the same and books what it costs; with ``counts`` its arrays, too."""

        @wraps(do)
        def booked(*args: Any, **settings: Any) -> Any:
            began = time.thread_time()
            result = do(*args, **settings)
            spent = time.thread_time() - began
            with self.lock:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
                self.moved += _bytes_of(args) if counts else 0
            return result

        return booked


def _bytes_of(args: tuple[Any, ...]) -> int:
    """Return the bytes of the arrays that a kernel takes, each counted once; of trees only the part of the planes they read."""
    arrays = [arg for arg in args if isinstance(arg, np.ndarray)]
    planes, *_, last = arrays  # of trees: (n_planes, width), ..., (n_words, n_rows)
    if planes.ndim == last.ndim == 2 and planes.shape[1] > last.shape[1]:
        return planes.itemsize * planes.shape[0] * last.shape[1] + last.nbytes
    return sum(array.nbytes for array in arrays)


@contextlib.contextmanager
def watched() -> Iterator[Spending]:
    """Book what each kernel costs while this lasts; nothing of it stays behind.

    Kernels are looked up in their modules whenever they are called, which is where they are replaced.
    """
    import importlib

    spending, before = Spending(), []
    rooms = {name: (stages, True) for name, stages in KERNELS.items()} | {
        "clew.learn.pixel_model": (AROUND, False)
    }
    try:
        for name, (stages, counts) in rooms.items():
            module = importlib.import_module(name)
            for kernel, stage in stages.items():
                before.append((module, kernel, getattr(module, kernel)))
                setattr(module, kernel, spending.timed(getattr(module, kernel), stage, counts))
        yield spending
    finally:
        for module, kernel, plain in before:
            setattr(module, kernel, plain)


def copy_bandwidth(*, n_bytes: int = COPIED_BYTES, repeats: int = 5) -> float:
    """Return how many bytes a second plain copies of large arrays move on all threads, read and written ones counted."""
    from clew.kernels.threads import n_threads

    pairs = [(np.ones(n_bytes, np.uint8), np.empty(n_bytes, np.uint8)) for _ in range(n_threads())]
    best = 0.0
    with ThreadPoolExecutor(len(pairs)) as pool:
        for _ in range(repeats + 1):  # the first touches the memory
            began = time.perf_counter()
            list(pool.map(lambda pair: np.copyto(pair[1], pair[0]), pairs))
            best = max(best, 2 * n_bytes * len(pairs) / (time.perf_counter() - began))
    return best


def where_time_goes(run: Callable[[], Any], least_bytes: int, seconds: float) -> dict[str, Any]:
    """Tell where the time of a run goes, by one more run that is watched.

    Parameters
    ----------
    run : callable
    least_bytes : int
        What must be moved whatever one does: image in, labels out.
    seconds : float
        The median wall time of the runs that were timed.

    Returns
    -------
    dict
        ``cpu_ms``: CPU milliseconds by stage, all threads together, and what is left for Python, threads and copies;
        ``between_stages_mb`` and ``between_stages_ms``: the arrays that kernels take and give, each counted once a
        call, and how long they would take through memory if nothing stayed in the caches; ``least_mb`` and
        ``limit_ms``: what must be moved, and how long a plain copy needs for it; ``times_limit``: how many times longer
        the run takes; ``copy_gb_per_s``: that copy's rate.
    """
    with watched() as spending:
        began = time.process_time()
        run()
        whole = time.process_time() - began
    known = [*dict.fromkeys([*AROUND.values(), *(s for stages in KERNELS.values() for s in stages.values())])]
    told = {stage: round(1e3 * spending.seconds[stage], 1) for stage in known if stage in spending.seconds}
    rate = copy_bandwidth()
    limit = least_bytes / rate
    return {
        "cpu_ms": told | {"the rest": round(1e3 * max(0.0, whole - sum(spending.seconds.values())), 1)},
        "between_stages_mb": round(spending.moved / 1e6),
        "between_stages_ms": round(1e3 * spending.moved / rate, 1),
        "least_mb": round(least_bytes / 1e6, 1),
        "limit_ms": round(1e3 * limit, 2),
        "times_limit": round(seconds / limit, 1),
        "copy_gb_per_s": round(rate / 1e9, 1),
    }


def sentence(work: str, where: dict[str, Any]) -> str:
    """Say where the time of a row goes, for people."""
    stages = where["cpu_ms"]
    total = sum(stages.values())
    shares = ", ".join(f"{name} {ms:,.0f} ({ms / max(total, 1e-9):.0%})" for name, ms in stages.items())
    return (
        f"{work}: CPU ms of all threads: {shares}. At the {where['copy_gb_per_s']} GB/s of a plain copy, the "
        f"{where['least_mb']:,} MB that come in and go out need {where['limit_ms']} ms: the run takes "
        f"{where['times_limit']:,} times that. The {where['between_stages_mb']:,} MB that kernels hand to each other would "
        f"need {where['between_stages_ms']:,} ms if they did not stay in the caches."
    )
