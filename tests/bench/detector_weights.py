"""Write MTCNN's three networks as ONNX graphs, from the weights in the package `mtcnn`: how those in `fercli` were made.

    pip install mtcnn==1.0.0 onnx lz4 && python tests/bench/detector_weights.py [folder]

Run it again and the same bytes come out. The package's files are pickles, which may hold code: they are read here, once, never in
fercli.
"""

import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SHIPPED = Path(__file__).parents[2] / "fercli" / "photos" / "faces" / "networks"
# A pooling after each of the convolutions, by its window, or none; all step by two.
POOLED = {"pnet": (2, 0, 0), "rnet": (3, 3, 0), "onet": (3, 3, 2, 0)}
# What the heads give, in the package's order of weights.
HEADS = {"pnet": ("box", "score"), "rnet": ("box", "score"), "onet": ("box", "landmarks", "score")}
_ABOUT_ONE = 1.02
_BLOCK = 16  # channels that processors compute together; ONNX Runtime pools other numbers of them more slowly
NAMES = {"pnet": "proposal", "rnet": "refinement", "onet": "output"}


class Graph:
    """A chain of operators under construction; `end` is the tensor that the next one takes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.stored: list[onnx.TensorProto] = []
        self.end = "pixels"

    def add(self, kind: str, *operands: str, output: str = "", **attributes: Any) -> None:
        """Add an operator to the chain."""
        output = output or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.end, *operands], [output], **attributes))
        self.end = output

    def activate(self, name: str, slopes: NDArray[np.float32], **pooling: Any) -> None:
        """Multiply what is negative by the slopes, which are up to 1 (one of 1.012 becomes 1), then pool, if told how.

        The larger of x and slope * x is the same in half of PRelu's time. Both are pooled before they are compared: the largest of
        the larger ones is the larger of the largest ones, and of those there are fewer.
        """
        plain = self.end
        self.add("Mul", self.store(name, np.minimum(slopes, 1)))
        if pooling:
            self.add("MaxPool", **pooling)
            steep, self.end = self.end, plain
            self.add("MaxPool", **pooling)
            plain, self.end = self.end, steep
        self.add("Max", plain)

    def choose(self, falling: int, rising: int) -> None:
        """Go on with the larger of each channel and its double, the smaller for the last `rising` channels, which PRelu would be.

        A channel's double is itself times its slope. PRelu takes twice as long.
        """
        rest = -2 * (falling + rising) % _BLOCK
        self.split({"channels": falling, "steep": rising, "doubles": falling, "steep.doubles": rising, "rest": rest})
        self.nodes.append(helper.make_node("Max", ["channels", "doubles"], ["larger"]))
        self.nodes.append(helper.make_node("Min", ["steep", "steep.doubles"], ["smaller"]))
        self.end = "larger"
        self.add("Concat", "smaller", axis=1)

    def split(self, parts: dict[str, int]) -> None:
        """Cut into parts with so many channels each, by name, and go on with the first."""
        sizes = numpy_helper.from_array(np.array(list(parts.values()), np.int64), "sizes")
        self.stored.append(sizes)
        self.nodes.append(helper.make_node("Split", [self.end, sizes.name], list(parts), axis=1))
        self.end = next(iter(parts))

    def store(self, name: str, values: NDArray[np.float32]) -> str:
        """Keep weights in half precision; return the name of what they are at work, single precision."""
        self.stored.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float16), f"{name}.half"))
        self.nodes.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
        return name

    def constant(self, name: str, value: float) -> str:
        """Keep a number; return its name."""
        self.stored.append(numpy_helper.from_array(np.float32(value), name))
        return name


def converted(name: str, weights: list[NDArray[np.float32]]) -> onnx.ModelProto:
    """Return the network as a graph from grey pixels (N, 1, H, W), 0 to 255, to its heads, the score a probability from 0 to 1."""
    graph, remaining = Graph(), iter(weights)
    graph.add("Sub", graph.constant("middle", 127.5))
    graph.add("Mul", graph.constant("range", 1 / 128))
    channels, order = 0, None
    for number, window in enumerate(POOLED[name], start=1):
        kernel, bias, slopes = next(remaining).transpose(3, 2, 0, 1), next(remaining), next(remaining).ravel()
        if number == 1:
            kernel = kernel.sum(axis=1, keepdims=True)  # the three colours of a grey photo are equal
        if order is not None:
            kernel, order = kernel[:, order], None
        channels, rising = len(kernel), int((slopes > _ABOUT_ONE).sum())
        if rising:
            order = np.argsort(slopes > _ABOUT_ONE, kind="stable")
            kernel, bias = (np.concatenate([v, (v.T * slopes).T])[[*order, *(channels + order)]] for v in (kernel, bias))
        rest = -len(kernel) % _BLOCK if window else 0
        kernel, bias, slopes = (np.pad(v, [(0, rest)] + [(0, 0)] * (v.ndim - 1)) for v in (kernel, bias, slopes))
        graph.add("Conv", graph.store(f"kernel{number}", kernel), graph.store(f"bias{number}", bias))
        upward = int(not (window == 3 and number == 2))
        pooling: dict[str, Any] = {"kernel_shape": [window] * 2, "strides": [2, 2], "ceil_mode": upward}
        if rising:
            graph.add("MaxPool", **pooling)
            graph.choose(channels - rising, rising)  # which is the same after pooling, of fewer pixels
        else:
            graph.activate(f"slope{number}", slopes.reshape(-1, 1, 1), **(pooling if window else {}))
            if rest:
                graph.split({"kept": channels, "rest": rest})
    if name != "pnet":
        kernel = next(remaining)
        side = round((len(kernel) / channels) ** 0.5)
        # The package flattens (width, height, channels), a graph (channels, height, width).
        kernel = kernel.reshape(side, side, channels, -1).transpose(2, 1, 0, 3).reshape(len(kernel), -1)
        graph.add("Flatten")
        graph.add("Gemm", graph.store("kernel", kernel), graph.store("bias", next(remaining)))
        graph.activate("slope", next(remaining))
    trunk = graph.end
    for head in HEADS[name]:
        graph.end = trunk
        kernel, bias = next(remaining), next(remaining)
        if head == "score":  # softmax over two is the logistic function of their difference
            kernel, bias = kernel[..., 1:] - kernel[..., :1], bias[1:] - bias[:1]
        if name == "pnet":
            kernel = kernel.transpose(3, 2, 0, 1)
        names = graph.store(f"{head}.kernel", kernel), graph.store(f"{head}.bias", bias)
        graph.add("Conv" if name == "pnet" else "Gemm", *names, output=f"{head}.linear" if head == "score" else head)
        if head == "score":
            graph.add("Sigmoid", output=head)
    return _model(name, graph)


def _model(name: str, graph: Graph) -> onnx.ModelProto:
    def value(tensor: str, shape: list[int | str]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape)

    side: list[int | str] = {"pnet": ["height", "width"], "rnet": [24, 24], "onet": [48, 48]}[name]  # type: ignore[assignment]
    cells: list[int | str] = ["rows", "columns"] if name == "pnet" else []
    sizes = {"score": 1, "box": 4, "landmarks": 10}
    outputs = [value(head, ["faces", sizes[head], *cells]) for head in sorted(HEADS[name])]
    credit = f"MTCNN's {name} (Zhang et al. 2016), weights of the package mtcnn {version('mtcnn')}; MIT licence, see CREDITS.md"
    model = helper.make_model(
        helper.make_graph(graph.nodes, NAMES[name], [value("pixels", ["faces", 1, *side])], outputs, graph.stored),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="fercli",
        doc_string=credit,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def main() -> None:
    package = find_spec("mtcnn")
    assert package is not None
    assert package.origin is not None
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED
    for name, shipped in NAMES.items():
        weights = joblib.load(Path(package.origin).parent / "assets" / "weights" / f"{name}.lz4")
        data = converted(name, weights).SerializeToString(deterministic=True)
        (folder / f"{shipped}.onnx").write_bytes(data)
        print(f"{shipped}.onnx: {len(data):,} bytes")


if __name__ == "__main__":
    main()
