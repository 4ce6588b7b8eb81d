"""Networks in Keras as graphs of standard operators, which need no Keras to run.

Weights keep their Keras names, shapes and order of axes, so that they can be read back unchanged; a graph begins by converting them
to what its operators take, which a runtime does once, while it loads. Inside a graph, images are (N,C,H,W), as operators take them.
"""

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fercli.errors import FercliError
from fercli.models.architectures.layers import middle_of
from fercli.models.graphs import FLOAT, Attribute, Graph, Node, Tensors, Value
from fercli.models.weights import SCALE, TEMPERATURE, rounded, write_weights

_LARGE = 1 << 22  # values of a dense kernel from which it is stored as int8
_FORMAT = "channels_last"  # of images in Keras, (N,H,W,C)
_PADDINGS = {"same": "SAME_UPPER", "valid": "VALID"}
_ACTIVATIONS = {"linear": None, "relu": "Relu", "sigmoid": "Sigmoid"}


def graph_of(network: keras.Model, temperature: float = 1.0) -> Graph:
    """Return the graph of a network of known layers that ends in a softmax: uint8 pixels, and HOG, to calibrated probabilities.

    The logits are divided by `temperature`. FercliError names a layer that is not known or has settings that are not.
    """
    writer = _Writer(temperature)
    for layer in network.layers:
        kind = type(layer).__name__
        if isinstance(layer, keras.layers.InputLayer):
            writer.names[id(layer.output)] = layer.name
        elif kind not in _LAYERS:
            raise _unknown(layer, kind)
        else:
            sources = layer.input if isinstance(layer.input, list) else [layer.input]
            writer.names[id(layer.output)] = _LAYERS[kind](writer, layer, *(writer.names[id(source)] for source in sources))
    (result,) = network.outputs
    return Graph(
        name=network.name,
        nodes=tuple(writer.nodes),
        tensors=writer.tensors,
        inputs={tensor.name: Value(np.dtype(tensor.dtype), tuple(tensor.shape[1:])) for tensor in network.inputs},
        outputs={writer.names[id(result)]: Value(np.dtype(np.float32), tuple(result.shape[1:]))},
    )


def save_network(network: keras.Model, metadata: dict[str, Any], path: Path) -> None:
    """Write a network's weights with their metadata, and with the temperature in that; errors as from `graph_of`."""
    write_weights(graph_of(network, metadata.get("temperature", 1.0)), metadata, path)


class _Writer:
    """Collects nodes and tensors; every method returns the name of the value that it adds."""

    def __init__(self, temperature: float) -> None:
        self.nodes: list[Node] = []
        self.tensors: Tensors = {}
        self.names: dict[int, str] = {}  # of Keras's symbolic tensors
        self.temperature = temperature

    def add(self, output: str, operator: str, *inputs: str, **attributes: Attribute) -> str:
        self.nodes.append(Node(operator, inputs, output, attributes))
        return output

    def tensor(self, name: str, values: NDArray[Any]) -> str:
        self.tensors[name] = values
        return name

    def number(self, name: str, value: float) -> str:
        return self.tensor(name, np.array([value], np.float32))

    def weight(self, variable: Any) -> str:
        """Add a Keras variable as a value in float32; it is stored as float16 if that can hold its values."""
        name = self.tensor(variable.path, rounded(np.asarray(variable.numpy())))
        return name if self.tensors[name].dtype == np.float32 else self.add(f"{name}:float32", "Cast", name, to=FLOAT)

    def activated(self, layer: keras.layers.Layer, x: str) -> str:
        kind = layer.activation.__name__
        if kind not in _ACTIVATIONS:
            raise _unknown(layer, f"layer with the activation {kind}")
        operator = _ACTIVATIONS[kind]
        return self.add(f"{layer.name}:{kind}", operator, x) if operator else x


def _unknown(layer: keras.layers.Layer, what: str) -> FercliError:
    return FercliError(f"{layer.name} is a {what}, for which fercli/models/networks/graphs.py knows no operators; add them there.")


def _only(layer: keras.layers.Layer, **settings: object) -> None:
    for name, value in settings.items():
        if getattr(layer, name) != value:
            raise _unknown(layer, f"layer with {name} {getattr(layer, name)}")


def _tones(writer: _Writer, layer: Any, x: str) -> str:
    name = layer.name
    x = writer.add(f"{name}:pixels", "Cast", x, to=FLOAT)
    starts, ends = middle_of(*layer.input.shape[1:])
    middle = writer.add(f"{name}:middle", "Slice", x, axes=(1, 2), starts=starts, ends=ends)
    mean = writer.add(f"{name}:mean", "ReduceMean", middle, axes=(1, 2), keepdims=1)
    off = writer.add(f"{name}:off", "Sub", middle, mean)
    variance = writer.add(f"{name}:variance", "ReduceMean", writer.add(f"{name}:squares", "Mul", off, off), axes=(1, 2), keepdims=1)
    deviation = writer.add(f"{name}:deviation", "Sqrt", variance)
    deviation = writer.add(f"{name}:divisor", "Max", deviation, writer.number(f"{name}:least", layer.LEAST))
    x = writer.add(f"{name}:normal", "Div", writer.add(f"{name}:centred", "Sub", x, mean), deviation)
    x = writer.add(f"{name}:stretched", "Mul", x, writer.number(f"{name}:contrast", layer.DEVIATION))
    return writer.add(name, "Add", x, writer.number(f"{name}:level", layer.MEAN))


def _even_tones(writer: _Writer, layer: Any, x: str) -> str:
    bins = layer.BINS
    starts, ends = middle_of(*layer.input.shape[1:])

    def add(part: str, operator: str, *inputs: str, **attributes: Attribute) -> str:
        return writer.add(f"{layer.name}:{part}", operator, *inputs, **attributes)

    def times(part: str, x: str, kernel: NDArray[Any], bias: NDArray[Any]) -> str:
        values = {"kernel": kernel[:, :, None, None], "bias": bias}
        names = [writer.tensor(f"{layer.name}:{part}_{name}", value.astype(np.float32)) for name, value in values.items()]
        return add(part, "Conv", x, *names, auto_pad="VALID", strides=(1, 1))

    depth = times("depth", add("image", "Unsqueeze", x, axes=(1,)), np.full((bins, 1), (bins - 1) / 255), 1 - np.arange(bins))
    beyond = add("beyond", "Sub", depth, writer.number(f"{layer.name}:end", 1))
    reach = add("reach", "Sub", add("inside", "Relu", depth), add("over", "Relu", beyond))
    above = add(
        "above", "ReduceMean", add("middle", "Slice", reach, axes=(2, 3), starts=starts, ends=ends), axes=(2, 3), keepdims=1
    )
    rise = times("rise", above, (np.eye(bins, k=-1) - np.eye(bins, k=1)) / 2, np.eye(bins)[0] / 2)
    mean = add("mean", "ReduceMean", add("parts", "Mul", rise, reach), axes=(1,), keepdims=0)
    even = add("even", "Mul", mean, writer.number(f"{layer.name}:range", 255 * bins * layer.share))
    kept = add("kept", "Mul", x, writer.number(f"{layer.name}:rest", 1 - layer.share))
    return writer.add(layer.name, "Add", even, kept)


def _mean_subtraction(writer: _Writer, layer: Any, x: str) -> str:
    if layer.input.dtype == "uint8":
        x = writer.add(f"{layer.name}:pixels", "Cast", x, to=FLOAT)
    x = writer.add(f"{layer.name}:difference", "Sub", x, writer.weight(layer.mean))
    x = writer.add(f"{layer.name}:scaled", "Div", x, writer.number(f"{layer.name}:range", 255))
    return writer.add(layer.name, "Unsqueeze", x, axes=(1,))


def _convolution(writer: _Writer, layer: Any, x: str) -> str:
    _only(layer, dilation_rate=(1, 1), groups=1, data_format=_FORMAT)
    kernel = writer.add(f"{layer.name}:kernel", "Transpose", writer.weight(layer.kernel), perm=(3, 2, 0, 1))
    return _convolved(writer, layer, x, kernel, _PADDINGS[layer.padding], layer.strides)


def _convolved(writer: _Writer, layer: Any, x: str, kernel: str, padding: str, strides: tuple[int, int]) -> str:
    bias = [writer.weight(layer.bias)] if layer.use_bias else []
    return writer.activated(layer, writer.add(layer.name, "Conv", x, kernel, *bias, auto_pad=padding, strides=strides))


def _dense(writer: _Writer, layer: Any, x: str) -> str:
    if len(layer.input.shape) == 4:  # over the channels of images: a convolution of one pixel
        kernel = writer.add(f"{layer.name}:transposed", "Transpose", writer.weight(layer.kernel), perm=(1, 0))
        kernel = writer.add(f"{layer.name}:kernel", "Unsqueeze", kernel, axes=(2, 3))
        return _convolved(writer, layer, x, kernel, "VALID", (1, 1))
    if np.prod(layer.kernel.shape) >= _LARGE:
        x = _times_large(writer, layer, x)
    else:
        x = writer.add(f"{layer.name}:product", "MatMul", x, writer.weight(layer.kernel))
    if layer.use_bias:
        x = writer.add(layer.name, "Add", x, writer.weight(layer.bias))
    return writer.activated(layer, x)


def _times_large(writer: _Writer, layer: Any, x: str) -> str:
    """Multiply by a kernel stored as int8 with a scale for each column, which is applied to the product."""
    kernel = np.asarray(layer.kernel.numpy())
    scale = np.maximum(np.abs(kernel).max(axis=0), np.finfo(np.float32).tiny) / np.float32(127)
    name = writer.tensor(layer.kernel.path, np.rint(kernel / scale).astype(np.int8))
    x = writer.add(f"{layer.name}:whole", "MatMul", x, writer.add(f"{name}:float32", "Cast", name, to=FLOAT))
    return writer.add(f"{layer.name}:product", "Mul", x, writer.tensor(f"{name}{SCALE}", scale))


def _normalization(writer: _Writer, layer: Any, x: str) -> str:
    _only(layer, axis=-1 if layer.axis == -1 else len(layer.input.shape) - 1)
    statistics = [writer.weight(variable) for variable in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)]
    return writer.add(layer.name, "BatchNormalization", x, *statistics, epsilon=float(layer.epsilon))


def _relu(writer: _Writer, layer: Any, x: str) -> str:
    _only(layer, max_value=None, negative_slope=0.0, threshold=0.0)
    return writer.add(layer.name, "Relu", x)


def _pool(operator: str) -> Callable[..., str]:
    def write(writer: _Writer, layer: Any, x: str) -> str:
        _only(layer, data_format=_FORMAT)
        return writer.add(
            layer.name, operator, x, auto_pad=_PADDINGS[layer.padding], kernel_shape=layer.pool_size, strides=layer.strides
        )

    return write


def _global_pool(writer: _Writer, layer: Any, x: str) -> str:
    _only(layer, data_format=_FORMAT)
    if layer.keepdims:
        return writer.add(layer.name, "GlobalAveragePool", x)
    return writer.add(layer.name, "Flatten", writer.add(f"{layer.name}:mean", "GlobalAveragePool", x), axis=1)


def _flatten(writer: _Writer, layer: Any, x: str) -> str:
    _only(layer, data_format=_FORMAT)
    if len(layer.input.shape) == 4:
        x = writer.add(f"{layer.name}:image", "Transpose", x, perm=(0, 2, 3, 1))
    return writer.add(layer.name, "Flatten", x, axis=1)


def _concatenate(writer: _Writer, layer: Any, *values: str) -> str:
    _only(layer, axis=-1)
    return writer.add(layer.name, "Concat", *values, axis=1)


def _folded(operator: str) -> Callable[..., str]:
    def write(writer: _Writer, layer: Any, *values: str) -> str:
        last = len(values) - 1
        numbered = enumerate(values[1:], 1)
        return reduce(
            lambda x, item: writer.add(layer.name if item[0] == last else f"{layer.name}:{item[0]}", operator, x, item[1]),
            numbered,
            values[0],
        )

    return write


def _softmax(writer: _Writer, layer: Any, x: str) -> str:
    _only(layer, axis=-1)
    x = writer.add(f"{layer.name}:tempered", "Div", x, writer.number(TEMPERATURE, writer.temperature))
    return writer.add(layer.name, "Softmax", x, axis=1)


def _nothing(_writer: _Writer, _layer: Any, x: str) -> str:
    return x  # outside training


_LAYERS: dict[str, Callable[..., str]] = {
    "Add": _folded("Add"),
    "AveragePooling2D": _pool("AveragePool"),
    "BatchNormalization": _normalization,
    "Concatenate": _concatenate,
    "Conv2D": _convolution,
    "Dense": _dense,
    "Dropout": _nothing,
    "Flatten": _flatten,
    "GlobalAveragePooling2D": _global_pool,
    "MaxPooling2D": _pool("MaxPool"),
    "MeanSubtraction": _mean_subtraction,
    "Multiply": _folded("Mul"),
    "ReLU": _relu,
    "Softmax": _softmax,
    "SpatialDropout2D": _nothing,
    "ToneEqualization": _even_tones,
    "ToneStandardization": _tones,
}
