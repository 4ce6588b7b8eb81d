from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fercli.models.graphs import Attribute, Graph, Node, Value
from fercli.models.operators import checked
from tests.graphs import FLOAT32, small_graph


def with_node(position: int, **changes: object) -> Graph:
    graph = small_graph()
    nodes = list(graph.nodes)
    nodes[position] = replace(nodes[position], **changes)  # type: ignore[arg-type]
    return replace(graph, nodes=tuple(nodes))


def with_tensor(name: str, tensor: np.ndarray) -> Graph:
    graph = small_graph()
    return replace(graph, tensors=graph.tensors | {name: tensor})


def test_the_work_of_a_graph() -> None:
    work = checked(small_graph())
    assert work.multiply_adds == 2 * 2 * 2 + 2 * 3
    assert work.shapes["convolved"] == (1, 2, 2, 2)
    assert work.shapes["probabilities"] == (1, 3)


@pytest.mark.parametrize(("kept", "shape"), [(0, (1, 2)), (1, (1, 2, 1, 1))])
def test_a_mean_keeps_its_axes_or_not(kept: int, shape: tuple[int, ...]) -> None:
    graph = with_node(5, operator="ReduceMean", attributes={"axes": (2, 3), "keepdims": kept})
    assert checked(graph).shapes["pooled"] == shape


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda: with_node(0, operator="Loop"), "unknown operator Loop"),
        (lambda: with_node(0, operator="Identity"), "unknown operator Identity"),
        (lambda: with_node(0, attributes={"to": 8}), "conversion"),
        (lambda: with_node(0, attributes={"to": 1, "more": 1}), "does not fit"),
        (lambda: with_node(2, inputs=("float", "nowhere")), "nowhere is missing"),
        (lambda: with_node(2, inputs=("image", "mean")), "image is missing"),
        (lambda: with_node(2, output="float"), "float is computed twice"),
        (lambda: with_node(2, output="mean/mean"), "mean/mean is computed twice"),
        (lambda: with_node(3, attributes={"axes": (9,)}), "no such axis"),
        (lambda: with_node(3, operator="ReduceMean", attributes={"axes": (), "keepdims": 1}), "no mean over the batch"),
        (lambda: with_node(3, operator="ReduceMean", attributes={"axes": (0,), "keepdims": 1}), "no mean over axis 0"),
        (lambda: with_node(3, operator="ReduceMean", attributes={"axes": (1,), "keepdims": 2}), "no mean over axis 1"),
        (lambda: with_node(4, attributes={"auto_pad": "SAME_UPPER", "strides": (0, 1)}), "no such window"),
        (lambda: with_node(4, attributes={"auto_pad": "NOTSET", "strides": (1, 1)}), "no such window"),
        (lambda: with_node(4, attributes={"auto_pad": "SAME_UPPER", "strides": (1, 1), "pads": (9, 9, 9, 9)}), "does not fit"),
        (lambda: with_node(5, attributes={"auto_pad": "VALID", "kernel_shape": (3, 3), "strides": (2, 2)}), "larger than"),
        (lambda: with_node(6, attributes={"axis": 0}), "no other axis"),
        (lambda: with_node(10, attributes={"axis": 0}), "softmax"),
        (lambda: with_node(10, output="labels"), "labels is not used"),
        (lambda: with_tensor("more/bias", np.zeros(3, np.float32)), "more/bias is not used"),
        (lambda: with_tensor("pixels", np.zeros(3, np.float32)), "an input's name"),
        (lambda: with_tensor("mean/mean", np.zeros((3, 2), np.float16)), "difference does not fit"),
        (lambda: with_tensor("first/kernel", np.zeros((2, 2, 1, 1), np.float32)), "the kernel does not fit"),
        (lambda: with_tensor("last/kernel", np.zeros((3, 3), np.int8)), "cannot be multiplied"),
        (lambda: with_tensor("last/kernel", np.zeros((2, 4), np.int8)), "logits does not fit"),
        (lambda: with_tensor("last/kernel:scale", np.array([1, np.nan, 1], np.float32)), "last/kernel:scale holds values"),
        (lambda: with_tensor("mean/mean", np.full((2, 2), np.inf, np.float16)), "mean/mean holds values"),
        (lambda: replace(small_graph(), outputs={"probabilities": Value(FLOAT32, (4,))}), "has the shape"),
        (lambda: replace(small_graph(), outputs={"nothing": Value(FLOAT32, (3,))}), "not used|has the shape"),
        (lambda: replace(small_graph(), nodes=small_graph().nodes[:-1]), "not used|has the shape"),
    ],
)  # fmt: skip
def test_promise_7_what_does_not_fit_is_refused(fault: Callable[[], Graph], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked(fault())


def test_promise_7_a_small_graph_of_huge_values_is_refused() -> None:
    """Each value twice as large as the one before, or as wide as two are together."""
    doubled = [Node("Concat", (f"x{step}", f"x{step}"), f"x{step + 1}", {"axis": 1}) for step in range(60)]
    rows, columns = np.ones((1, 1 << 16, 1), np.float32), np.ones((1, 1, 1 << 16), np.float32)
    for nodes, tensors in (
        (doubled, {}),
        ([Node("Mul", ("rows", "columns"), "all", {}), Node("Add", ("all", "x0"), "x60", {})], {"rows": rows, "columns": columns}),
    ):
        graph = Graph("bomb", tuple(nodes), tensors, {"x0": Value(FLOAT32, (1,))}, {"x60": Value(FLOAT32, (1,))})
        with pytest.raises(ValueError, match="too large"):
            checked(graph)


@pytest.mark.parametrize(
    ("operator", "shapes", "attributes", "want"),
    [
        ("Conv", [(3, 9, 9), (4, 3, 3, 3)], {"auto_pad": "SAME_UPPER", "strides": (2, 2)}, (1, 4, 5, 5)),
        ("Conv", [(3, 9, 8), (4, 3, 3, 2), (4,)], {"auto_pad": "VALID", "strides": (2, 3)}, (1, 4, 4, 3)),
        ("MaxPool", [(3, 9, 9)], {"auto_pad": "VALID", "kernel_shape": (2, 2), "strides": (2, 2)}, (1, 3, 4, 4)),
        ("GlobalAveragePool", [(3, 9, 9)], {}, (1, 3, 1, 1)),
        ("BatchNormalization", [(3, 9, 9), (3,), (3,), (3,), (3,)], {"epsilon": 0.001}, (1, 3, 9, 9)),
        ("Transpose", [(3, 9, 8)], {"perm": (0, 2, 3, 1)}, (1, 9, 8, 3)),
        ("Unsqueeze", [(9, 8)], {"axes": (1,)}, (1, 1, 9, 8)),
        ("Flatten", [(3, 9, 8)], {"axis": 1}, (1, 216)),
        ("Slice", [(9, 8)], {"axes": (1, 2), "starts": (2, 1), "ends": (7, 8)}, (1, 5, 7)),
        ("ReduceMean", [(9, 8)], {"axes": (1, 2), "keepdims": 1}, (1, 1, 1)),
        ("Max", [(9, 8), (1,)], {}, (1, 9, 8)),
        ("Sqrt", [(9, 8)], {}, (1, 9, 8)),
        ("Concat", [(5,), (3,)], {"axis": 1}, (1, 8)),
    ],
)  # fmt: skip
def test_shapes_are_those_that_onnx_runtime_gives(
    operator: str, shapes: list[tuple[int, ...]], attributes: dict[str, Attribute], want: tuple[int, ...]
) -> None:
    from fercli.models.graphs import encoded
    from fercli.models.sessions import open_session

    data = [shape for shape in shapes if operator == "Concat" or shape is shapes[0]]
    inputs = {f"x{number}": Value(FLOAT32, shape) for number, shape in enumerate(data)}
    tensors = {f"t{number}": np.ones(shape, np.float32) for number, shape in enumerate(shapes[len(data) :])}
    node = Node(operator, (*inputs, *tensors), "y", attributes)
    graph = Graph("one", (node,), tensors, inputs, {"y": Value(FLOAT32, want[1:])})
    assert checked(graph).shapes["y"] == want
    values = {name: np.ones((1, *value.shape), np.float32) for name, value in inputs.items()}
    assert open_session(encoded(graph, {})).run(None, values)[0].shape == want
