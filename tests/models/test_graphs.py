import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fercli.models.graphs import Graph, Node, decoded, encoded, property_field
from tests.damage import damaged
from tests.graphs import small_graph

WHOLE = encoded(small_graph(), {"a": "b"})


def same(first: Graph, second: Graph) -> bool:
    tensors = first.tensors.keys() == second.tensors.keys() and all(
        tensor.dtype == second.tensors[name].dtype and np.array_equal(tensor, second.tensors[name])
        for name, tensor in first.tensors.items()
    )
    return tensors and all(getattr(first, name) == getattr(second, name) for name in ("name", "nodes", "inputs", "outputs"))


def test_round_trip() -> None:
    graph, metadata = decoded(WHOLE)
    assert same(graph, small_graph())
    assert metadata == {"a": "b"}


def test_the_standards_own_reader_sees_the_same() -> None:
    model = onnx.load_from_string(WHOLE)
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.key, entry.value) for entry in model.metadata_props] == [("a", "b")]
    for node, read in zip(small_graph().nodes, model.graph.node, strict=True):
        assert (node.operator, list(node.inputs), [node.output]) == (read.op_type, list(read.input), list(read.output))
    for (name, tensor), read in zip(small_graph().tensors.items(), model.graph.initializer, strict=True):
        assert read.name == name
        assert np.array_equal(onnx.numpy_helper.to_array(read), tensor)


@given(
    st.dictionaries(st.text(), st.integers(-(2**63), 2**63 - 1) | st.floats(width=32, allow_nan=False) | st.text()),
    st.lists(st.integers(-(2**63), 2**63 - 1)),
)
def test_any_attributes_survive(attributes: dict[str, float | str], numbers: list[int]) -> None:
    graph = Graph("g", (Node("Op", ("x", ""), "y", {**attributes, "numbers": tuple(numbers)}),), {}, {}, {})
    assert decoded(encoded(graph, {}))[0] == graph


@given(data=st.data())
def test_promise_7_what_is_decoded_is_what_any_other_reader_sees(data: st.DataObject) -> None:
    """Whatever was put into the file: nothing is passed over, and nothing fails but by ValueError."""
    content = data.draw(damaged(WHOLE) | st.binary(max_size=50))
    try:
        graph, metadata = decoded(content)
    except ValueError:
        return
    assert encoded(graph, metadata) == content


def _edited(edit: str) -> bytes:
    model = onnx.load_from_string(WHOLE)
    graph, node = model.graph, model.graph.node[0]
    if edit == "external data":
        tensor = graph.initializer[0]
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")
    elif edit == "a function":
        model.functions.add(name="f", domain="d")
    elif edit == "another domain":
        node.domain = "com.microsoft"
    elif edit == "another operator set":
        model.opset_import.add(domain="com.microsoft", version=1)
    elif edit == "a newer operator set":
        model.opset_import[0].version = 18
    elif edit == "a subgraph":
        node.attribute.add(name="body", type=onnx.AttributeProto.GRAPH).g.name = "inner"
    elif edit == "two outputs":
        node.output.append("more")
    elif edit == "a shape in a comment":
        graph.value_info.add(name="float")
    elif edit == "a second graph":
        return WHOLE + encoded(small_graph(), {})
    elif edit == "a sparse tensor":
        graph.sparse_initializer.add()
    elif edit == "a batch of one":
        dimension = graph.input[0].type.tensor_type.shape.dim[0]
        dimension.ClearField("dim_param")
        dimension.dim_value = 1
    return bytes(model.SerializeToString())


def test_the_standards_own_writer_writes_the_same() -> None:
    assert _edited("nothing") == WHOLE


@pytest.mark.parametrize(
    "edit",
    [
        "external data", "a function", "another domain", "another operator set", "a newer operator set", "a subgraph",
        "two outputs", "a shape in a comment", "a second graph", "a sparse tensor", "a batch of one",
    ],
)  # fmt: skip
def test_promise_8_whatever_fercli_does_not_write_is_refused(edit: str) -> None:
    with pytest.raises(ValueError, match=r"it holds more|its structure is broken"):
        decoded(_edited(edit))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "structure"),
        (b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.", "unknown kind|structure"),
        (property_field("a", "b") * (1 << 17), "too many parts"),
        (b"\x08" + b"\xff" * 100, "64 bits"),
        (b"\x0b", "unknown kind"),
        (b"\x3a\x02\x12\x00", "holds more"),  # a graph with a name alone
        (b"\x12\x04\x12\x02\x01\x00", "structure"),
    ],
)
def test_promise_7_other_contents_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decoded(content)
