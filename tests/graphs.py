"""A graph small enough to be flipped bit by bit, with a weight of each type and operators of each kind that has settings."""

import numpy as np

from fercli.models.graphs import FLOAT, Graph, Node, Value

FLOAT32 = np.dtype(np.float32)


def small_graph() -> Graph:
    """Four pixels minus a mean, as one channel, convolved, pooled, and multiplied by a kernel with a scale a column."""
    return Graph(
        name="small",
        nodes=(
            Node("Cast", ("pixels",), "float", {"to": FLOAT}),
            Node("Cast", ("mean/mean",), "mean", {"to": FLOAT}),
            Node("Sub", ("float", "mean"), "difference", {}),
            Node("Unsqueeze", ("difference",), "image", {"axes": (1,)}),
            Node("Conv", ("image", "first/kernel"), "convolved", {"auto_pad": "SAME_UPPER", "strides": (1, 1)}),
            Node("AveragePool", ("convolved",), "pooled", {"auto_pad": "VALID", "kernel_shape": (2, 2), "strides": (2, 2)}),
            Node("Flatten", ("pooled",), "flat", {"axis": 1}),
            Node("Cast", ("last/kernel",), "kernel", {"to": FLOAT}),
            Node("MatMul", ("flat", "kernel"), "product", {}),
            Node("Mul", ("product", "last/kernel:scale"), "logits", {}),
            Node("Softmax", ("logits",), "probabilities", {"axis": 1}),
        ),
        tensors={
            "mean/mean": np.array([[1, 2], [3, 4]], np.float16),
            "first/kernel": np.array([[[[0.5]]], [[[-2]]]], np.float32),
            "last/kernel": np.array([[127, -3, 1], [5, 127, -127]], np.int8),
            "last/kernel:scale": np.array([0.01, 0.02, 0.03], np.float32),
        },
        inputs={"pixels": Value(np.dtype(np.uint8), (2, 2))},
        outputs={"probabilities": Value(FLOAT32, (3,))},
    )
