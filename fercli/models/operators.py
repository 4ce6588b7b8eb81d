"""The closed list of operators that a graph may hold, and the shapes and the work that follow from them.

See https://onnx.ai/onnx/operators, operator set 9. An operator that is not here, or has other settings, is never run.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fercli.models.graphs import FLOAT, Graph, Shape

_MOST_VALUES = 1 << 20  # in one result for one image, unless its inputs have more: a bound on what a hostile graph may cost
_MOST_AXES = 4
_PADDINGS = ("SAME_UPPER", "VALID")


@dataclass(frozen=True)
class Work:
    """What follows from a graph for one image: the shape of each value, and the number of multiply-adds."""

    shapes: dict[str, Shape]
    multiply_adds: int


def checked(graph: Graph) -> Work:
    """Return the work that a graph takes; ValueError, saying what is wrong, unless every part fits, is finite, and is used."""
    shapes = {name: tensor.shape for name, tensor in graph.tensors.items()}
    shapes |= {name: (1, *value.shape) for name, value in graph.inputs.items()}
    if len(shapes) < len(graph.tensors) + len(graph.inputs):
        raise ValueError("a tensor has an input's name")
    used = set(graph.outputs)
    multiply_adds = 0
    for node in graph.nodes:
        if node.output in shapes:
            raise ValueError(f"{node.output} is computed twice")
        if node.operator not in _SHAPES:
            raise ValueError(f"{node.output} is of the unknown operator {node.operator}")
        missing = [name for name in node.inputs if name not in shapes]
        if missing:
            raise ValueError(f"{missing[0]} is missing")
        taken = [shapes[name] for name in node.inputs]
        try:
            shape = _SHAPES[node.operator](taken, **node.attributes)
        except (TypeError, ValueError, IndexError) as error:
            raise ValueError(f"{node.output} does not fit ({node.operator} of {taken}: {error})") from error
        if math.prod(shape) > max(_MOST_VALUES, *map(math.prod, taken)):
            raise ValueError(f"{node.output} is too large, {shape}")
        if node.operator in _KERNELS:
            multiply_adds += _KERNELS[node.operator](shape, taken[1])
        used.update(node.inputs)
        shapes[node.output] = shape
    unused = sorted(shapes.keys() - used)
    if unused:
        raise ValueError(f"{unused[0]} is not used")
    for name, value in graph.outputs.items():
        if shapes.get(name) != (1, *value.shape):
            raise ValueError(f"{name} has the shape {shapes.get(name)}")
    for name, tensor in graph.tensors.items():
        if not np.isfinite(tensor).all():
            raise ValueError(f"{name} holds values that are not finite")
    return Work(shapes, multiply_adds)


# For each operator, the shape of its result from the shapes of its inputs and from its attributes.


def _same(shapes: Sequence[Shape]) -> Shape:
    (shape,) = shapes
    return shape


def _broadcast(shapes: Sequence[Shape]) -> Shape:
    first, second = shapes
    return np.broadcast_shapes(first, second)


def _cast(shapes: Sequence[Shape], to: int) -> Shape:
    if to != FLOAT:
        raise ValueError(f"no conversion to type {to}")
    return _same(shapes)


def _transpose(shapes: Sequence[Shape], perm: Shape) -> Shape:
    shape = _same(shapes)
    if sorted(perm) != list(range(len(shape))):
        raise ValueError(f"no order of the axes: {perm}")
    return tuple(shape[axis] for axis in perm)


def _unsqueeze(shapes: Sequence[Shape], axes: Shape) -> Shape:
    shape = list(_same(shapes))
    for axis in axes:
        if not 0 <= axis <= len(shape) < _MOST_AXES:
            raise ValueError(f"no such axis: {axis}")
        shape.insert(axis, 1)
    return tuple(shape)


def _flatten(shapes: Sequence[Shape], axis: int) -> Shape:
    shape = _same(shapes)
    if axis != 1:
        raise ValueError(f"no other axis than the first is kept: {axis}")
    return (shape[0], math.prod(shape[1:]))


def _concat(shapes: Sequence[Shape], axis: int) -> Shape:
    first = shapes[0]
    if axis != 1 or any(len(shape) != len(first) or shape[2:] != first[2:] or shape[0] != first[0] for shape in shapes):
        raise ValueError("they cannot be joined")
    return (first[0], sum(shape[1] for shape in shapes), *first[2:])


def _slice(shapes: Sequence[Shape], axes: Shape, starts: Shape, ends: Shape) -> Shape:
    shape = list(_same(shapes))
    for axis, start, end in zip(axes, starts, ends, strict=True):
        if not axis > 0 or not 0 <= start < end <= shape[axis]:
            raise ValueError(f"no such part: {start} to {end} of axis {axis}")
        shape[axis] = end - start
    return tuple(shape)


def _reduce(shapes: Sequence[Shape], axes: Shape, keepdims: int) -> Shape:
    shape = list(_same(shapes))
    if not axes:  # means all of them
        raise ValueError("no mean over the batch")
    for axis in axes:
        if not axis > 0 or keepdims not in (0, 1):
            raise ValueError(f"no mean over axis {axis}")
        shape[axis] = 1
    return tuple(side for axis, side in enumerate(shape) if keepdims or axis not in axes)


def _softmax(shapes: Sequence[Shape], axis: int) -> Shape:
    shape = _same(shapes)
    if axis != 1 or len(shape) != 2:
        raise ValueError("softmax is of rows")
    return shape


def _matmul(shapes: Sequence[Shape]) -> Shape:
    (rows, inner), (other, columns) = shapes
    if inner != other:
        raise ValueError("they cannot be multiplied")
    return (rows, columns)


def _conv(shapes: Sequence[Shape], auto_pad: str, strides: Shape) -> Shape:
    image, kernel, *bias = shapes
    batch, channels, *_ = image
    filters, depth, height, width = kernel
    if depth != channels or bias not in ([], [(filters,)]):
        raise ValueError("the kernel does not fit")
    return (batch, filters, *_window(image, (height, width), auto_pad, strides))


def _pool(shapes: Sequence[Shape], auto_pad: str, kernel_shape: Shape, strides: Shape) -> Shape:
    image = _same(shapes)
    return (*image[:2], *_window(image, kernel_shape, auto_pad, strides))


def _global_pool(shapes: Sequence[Shape]) -> Shape:
    batch, channels, _, _ = _same(shapes)
    return (batch, channels, 1, 1)


def _window(image: Shape, size: Shape, auto_pad: str, strides: Shape) -> Shape:
    """Return height and width of what a window of this size gives when it moves over an image (N,C,H,W) in strides."""
    sides = image[2:]
    if auto_pad not in _PADDINGS or len(sides) != 2 or min(*strides, *size) < 1:
        raise ValueError("no such window")
    left = sides if auto_pad == "SAME_UPPER" else tuple(side - span + 1 for side, span in zip(sides, size, strict=True))
    if min(left) < 1 or max(a - b for a, b in zip(size, sides, strict=True)) > 0:
        raise ValueError("the window is larger than the image")
    return tuple(math.ceil(side / stride) for side, stride in zip(left, strides, strict=True))


def _normalization(shapes: Sequence[Shape], epsilon: float) -> Shape:
    image, *statistics = shapes
    if statistics != [(image[1],)] * 4 or not epsilon > 0:
        raise ValueError("the statistics do not fit")
    return image


_SHAPES: dict[str, Callable[..., Shape]] = {
    "Add": _broadcast,
    "AveragePool": _pool,
    "BatchNormalization": _normalization,
    "Cast": _cast,
    "Concat": _concat,
    "Conv": _conv,
    "Div": _broadcast,
    "Flatten": _flatten,
    "GlobalAveragePool": _global_pool,
    "MatMul": _matmul,
    "Max": _broadcast,
    "MaxPool": _pool,
    "Mul": _broadcast,
    "ReduceMean": _reduce,
    "Relu": _same,
    "Sigmoid": _same,
    "Slice": _slice,
    "Softmax": _softmax,
    "Sqrt": _same,
    "Sub": _broadcast,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}

# The multiply-adds of operators with kernels, from the shapes of result and kernel; those of the others hardly count.
_KERNELS: dict[str, Callable[[Shape, Shape], int]] = {
    "Conv": lambda result, kernel: math.prod(result[2:]) * math.prod(kernel),
    "MatMul": lambda _, kernel: math.prod(kernel),
}
