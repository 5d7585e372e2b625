"""Field of view: the part of the input that one unit of a layer can see."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clew.errors import SettingError, check, did_you_mean
from clew.neural.nets.activations import ACTIVATIONS
from clew.neural.nets.cnn import CONVOLUTIONS, POOLS
from clew.result import Result

DRAWS = 8  # random inputs; what is seen in any of them counts
AVERAGE_OF = {POOLS["max"][axes]: POOLS["average"][axes] for axes in POOLS["max"]}
LOCAL_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm)  # each place by itself
GLOBAL_NORMS = (nn.GroupNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
GATES = tuple(ACTIVATIONS.values())
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
CHAIN_CONVOLUTIONS = tuple(CONVOLUTIONS.values())
CHAIN_POOLS = tuple(layer for layers in POOLS.values() for layer in layers.values())
WEIGHTED = (nn.Linear, *CHAIN_CONVOLUTIONS, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True, eq=False, repr=False)
class FieldOfView(Result):
    """What the unit in the middle of a layer sees of the input.

    Parameters
    ----------
    lo, hi : ndarray, int64, shape (n_axes,)
        The region [lo, hi) of the input that it sees, cut at the input's borders; samples or pixels.
    jump : ndarray, int64, shape (n_axes,)
        How far apart the regions of neighbouring units are; 0 where an input of this size does not show it: with a
        single unit along the axis, or where the borders cut the regions on both sides.
    sides : ndarray, int64, shape (n_axes,)
        The sides of the input.
    layer : str
        The layer that was asked; empty for the output.
    through_norms : bool
        Whether the net holds norms over all places (group, instance), by which each unit feels the mean and the
        spread of the whole input besides. They are not counted.
    """

    lo: np.ndarray
    hi: np.ndarray
    jump: np.ndarray
    sides: np.ndarray
    layer: str = ""
    through_norms: bool = False

    @property
    def size(self) -> np.ndarray:
        """Return the sides of the region, int64 of shape (n_axes,)."""
        return self.hi - self.lo

    @property
    def sees_everything(self) -> bool:
        """Whether the region is the whole input."""
        return bool((self.size == self.sides).all())

    def headline(self) -> str:
        """Say what a unit sees."""
        of = f"of the layer '{self.layer}'" if self.layer else "of the output"
        if self.sees_everything:
            return f"a unit {of} sees the whole input ({_times(self.sides)})"
        steps = f"; its neighbours' regions are {_times(self.jump)} apart" if self.jump.all() else ""
        besides = "; norms add the mean and the spread of the whole input" if self.through_norms else ""
        return f"a unit {of} sees {_times(self.size)} of {_times(self.sides)}{steps}{besides}"

    def summary(self) -> dict[str, Any]:
        """Return the figures that scripts rely on."""
        return {
            "size": self.size.tolist(),
            "jump": self.jump.tolist(),
            "region": [self.lo.tolist(), self.hi.tolist()],
            "input": self.sides.tolist(),
            "sees_everything": self.sees_everything,
            "through_norms": self.through_norms,
            "headline": self.headline(),
        }


def field_of_view(net: nn.Module, shape: tuple[int, ...], *, layer: str | None = None) -> FieldOfView:
    """Find what a unit of a layer can see, by the gradient of that unit with respect to the input.

    Parameters
    ----------
    net : Module
        Any net that takes numbers. It is left as it is.
    shape : tuple of int
        The shape of one row: (C, T), (C, H, W) or (C, D, H, W); (T, F) of nets that take lengths; (F,).
    layer : str, optional
        The name of a module inside of `net`, as in `named_modules`. By default the last layer whose output still
        has a place for each axis of the input, before the net gathers all places into one; the output if none has.

    Raises
    ------
    SettingError
        If there is no such layer, or the net does not take rows of that shape.

    Notes
    -----
    What the architecture allows is asked, not what one set of weights happens to use: in a copy of the net, weights
    are random and positive, activations let everything pass, max pooling is average pooling, and norms are left out;
    so no closed gate, and no place that is not the largest, hides what is seen. Of modules that clew does not know,
    what any of 8 random inputs shows is counted. Through much more than 1,000 steps of a recurrent net a gradient can
    fade below the smallest float64: then it is told how far back it reaches. Luo et al., NeurIPS 2016,
    arXiv:1701.04128, tell the field of view from the smaller part of it that has most weight.
    """
    twin = _open_twin(net)
    names = [name for name, _ in twin.named_modules() if name]
    check(
        layer is None or layer in names,
        SettingError,
        "The 'layer' of field_of_view must be a module of the net. Got '{}' instead.{}",
        layer,
        did_you_mean(str(layer), names),
    )
    axes = _axes(net, shape)
    inputs = torch.rand(DRAWS, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.5
    inputs.requires_grad_(True)
    outputs = _outputs(twin, inputs)
    name = _last_with_places(outputs, inputs, axes) if layer is None else layer
    check(
        name in outputs,
        SettingError,
        "The 'layer' of field_of_view must be used by the net, and give a tensor. Got '{}' instead.",
        name,
    )
    maps = outputs[name]
    middle = {axis: maps.shape[axis] // 2 for axis in axes} if maps.ndim == inputs.ndim else {}
    lo, hi = _seen(maps, inputs, middle, axes)
    jump = np.array([_jump(maps, inputs, middle, axis) for axis in axes], np.int64)
    sides = np.array([inputs.shape[axis] for axis in axes], np.int64)
    through_norms = any(isinstance(module, GLOBAL_NORMS) for module in net.modules())
    return FieldOfView(lo=lo, hi=hi, jump=jump, sides=sides, layer=name, through_norms=through_norms)


def formula(net: nn.Module, shape: tuple[int, ...]) -> FieldOfView:
    """Return the field of view of the last layer of a plain chain of convolutions and poolings, by the formula.

    Each layer with kernel k (dilation d) and stride s widens the field by d (k - 1) jumps, and makes the jump s
    times as large.

    Parameters
    ----------
    net : Module
        Convolutions and poolings one after the other, with activations, norms and drop-out between them, such as the
        `blocks` of a `Cnn`.
    shape : tuple of int
        The shape of one row: (C, T), (C, H, W) or (C, D, H, W).

    Raises
    ------
    SettingError
        If there is another layer in between, or one that does not fit the shape.
    """
    sides: np.ndarray = np.array(shape[1:], np.int64)
    size, jump, start, places = np.ones_like(sides), np.ones_like(sides), np.zeros_like(sides), sides
    for module in (module for module in net.modules() if not list(module.children())):
        if isinstance(module, GATES + LOCAL_NORMS + GLOBAL_NORMS + DROPOUTS):
            continue
        check(
            isinstance(module, CHAIN_CONVOLUTIONS + CHAIN_POOLS),
            SettingError,
            "The net of formula must be a chain of convolutions and poolings. Got {} instead.",
            type(module).__name__,
        )
        kernel, stride, padding, dilation = (
            _each(module, name, len(sides)) for name in ("kernel_size", "stride", "padding", "dilation")
        )
        reach = dilation * (kernel - 1)
        start, size, jump = start - padding * jump, size + reach * jump, jump * stride
        places = (places + 2 * padding - reach - 1) // stride + 1
    first = start + (places // 2) * jump
    lo, hi = np.maximum(first, 0), np.minimum(first + size, sides)
    return FieldOfView(lo=lo, hi=hi, jump=jump, sides=sides)


def _each(module: nn.Module, name: str, n_axes: int) -> np.ndarray:
    """Return a setting of a layer for each axis, int64 of shape (n_axes,)."""
    value = getattr(module, name, 1)  # average pooling has no dilation
    check(
        not isinstance(value, str),
        SettingError,
        "The {} of a layer of formula must be numbers. Got '{}' instead.",
        name,
        value,
    )
    return np.broadcast_to(np.array(value, np.int64), (n_axes,))


def _times(sides: np.ndarray) -> str:
    return " x ".join(str(side) for side in sides)


def _open_twin(net: nn.Module) -> nn.Module:
    """Copy a net so that a gradient passes wherever the architecture lets one pass."""
    twin = copy.deepcopy(net).cpu().double().eval()
    draw = torch.Generator().manual_seed(0)
    for parent in list(twin.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, GATES + LOCAL_NORMS + GLOBAL_NORMS):
                setattr(parent, name, nn.Identity())
            elif type(child) in AVERAGE_OF and child.dilation == 1:
                measures = child.kernel_size, child.stride, child.padding, child.ceil_mode
                setattr(parent, name, AVERAGE_OF[type(child)](*measures))
    for module in twin.modules():
        if isinstance(module, WEIGHTED):
            for parameter in module.parameters(recurse=False):
                fan_in = max(1, parameter[0].numel())
                random = torch.rand(parameter.shape, generator=draw, dtype=torch.float64)
                parameter.data = (random + 0.5) / fan_in
    return twin


def _axes(net: nn.Module, shape: tuple[int, ...]) -> list[int]:
    """Return the axes of the input (with its batch) along which there are places: not channels, nor features at a time."""
    if len(shape) == 1 or getattr(net, "takes_lengths", False):
        return [1]
    return list(range(2, 1 + len(shape)))


def _outputs(net: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """Run a net; return what each module gave, in the order in which they were done; the net itself is ''."""
    outputs: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: Any, output: Any) -> None:
            tensor = output[0] if isinstance(output, tuple) else output
            if isinstance(tensor, Tensor):
                outputs.pop(name, None)  # a module that is used twice is done when it is done last
                outputs[name] = tensor

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in net.named_modules()]
    try:
        net(inputs)
    except (RuntimeError, ValueError, IndexError) as error:
        raise SettingError(
            f"The 'shape' of field_of_view must be one of rows of numbers that the net takes. Got {tuple(inputs.shape[1:])}: {error}"
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    return outputs


def _last_with_places(outputs: dict[str, Tensor], inputs: Tensor, axes: list[int]) -> str:
    """Return the name of the last module whose output still has places along the axes of the input."""
    single = all(inputs.shape[axis] == 1 for axis in axes)
    for name, output in reversed(outputs.items()):
        if output.ndim == inputs.ndim > 2 and (single or any(output.shape[axis] > 1 for axis in axes)):
            return name
    return ""


def _jump(maps: Tensor, inputs: Tensor, middle: dict[int, int], axis: int) -> int:
    """Return how far apart the regions of the first two units along an axis are; 0 where that does not show."""
    if axis not in middle or maps.shape[axis] < 2:
        return 0
    (lo_0, hi_0), (lo_1, hi_1) = (_seen(maps, inputs, {**middle, axis: unit}, [axis]) for unit in (0, 1))
    cut_on_both_sides = lo_0[0] == 0 and hi_1[0] == inputs.shape[axis]
    return 0 if cut_on_both_sides else max(lo_1[0] - lo_0[0], hi_1[0] - hi_0[0])


def _seen(
    maps: Tensor, inputs: Tensor, unit: dict[int, int], axes: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the region [lo, hi) of the input, int64 of shape (n_axes,) each, that a unit of a layer depends on.

    All channels of the unit count, added with random weights: a plain sum can be constant (of softmax or LayerNorm).
    """
    value = maps[
        tuple(slice(unit[axis], unit[axis] + 1) if axis in unit else slice(None) for axis in range(maps.ndim))
    ]
    weights = (
        torch.rand(value.shape[1:], generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.5
    )
    (gradient,) = torch.autograd.grad((value * weights).sum(), inputs, retain_graph=True, allow_unused=True)
    touched = np.zeros(inputs.shape, bool) if gradient is None else (gradient != 0).numpy()
    check(
        touched.any(),
        SettingError,
        "The layer of field_of_view must depend on the input. Got a gradient of 0 everywhere.",
    )
    region = []
    for axis in axes:
        places = np.flatnonzero(
            touched.any(axis=tuple(other for other in range(inputs.ndim) if other != axis))
        )
        region.append((places[0], places[-1] + 1))
    lo, hi = np.array(region, np.int64).T
    return lo, hi
