"""Graphs of standard operators as ONNX files: only as much of https://onnx.ai as our networks need, always written the same way.

The package `onnx` takes 30 MB, and its reader skips what it does not know. Here a file is read, written again, and compared, so
that whatever runs it later cannot see anything in it that was not seen here.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Attribute = int | float | str | tuple[int, ...]
Tensors = dict[str, NDArray[Any]]
Shape = tuple[int, ...]

_IR_VERSION, _OPSET = 4, 9  # the first with all we need; operators of this version take settings as attributes, not as tensors
_MOST_FIELDS = 1 << 16  # in one message: a bound on what a hostile file may cost
# TensorProto.DataType
_TYPES = {np.dtype(name): code for name, code in {"<f4": 1, "u1": 2, "i1": 3, "<f2": 10}.items()}
_DTYPES = {code: dtype for dtype, code in _TYPES.items()}
FLOAT = _TYPES[np.dtype("<f4")]
_BATCH = "N"


@dataclass(frozen=True)
class Node:
    """One operation, which computes the value named `output` from those named `inputs`."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True)
class Value:
    """The type of an input or output, and the shape of one item of a batch."""

    dtype: np.dtype[Any]
    shape: Shape


@dataclass(frozen=True)
class Graph:
    """Nodes in the order in which they are computed, and the tensors, inputs and outputs that they name."""

    name: str
    nodes: tuple[Node, ...]
    tensors: Tensors
    inputs: dict[str, Value]
    outputs: dict[str, Value]


def encoded(graph: Graph, metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of an ONNX file with a graph and metadata: always the same bytes for the same content."""
    # onnx.proto: GraphProto in ModelProto.
    body = b"".join(
        (
            *(_field(1, _node(node)) for node in graph.nodes),
            _field(2, graph.name),
            *(_field(5, _tensor(name, tensor)) for name, tensor in graph.tensors.items()),
            *(_field(11, _value(name, value)) for name, value in graph.inputs.items()),
            *(_field(12, _value(name, value)) for name, value in graph.outputs.items()),
        )
    )
    opset = _field(1, "") + _field(2, _OPSET)
    properties = (property_field(key, value) for key, value in metadata.items())
    return b"".join((_HEAD, _field(7, body), _field(8, opset), *properties))


def is_ours(data: bytes) -> bool:
    """Tell whether a file begins as `encoded` begins all files."""
    return data.startswith(_HEAD)


def property_field(key: str, value: str) -> bytes:
    """Return the bytes of one entry of the metadata, as they stand at the end of a file."""
    return _field(14, _field(1, key) + _field(2, value))


def decoded(data: bytes) -> tuple[Graph, dict[str, str]]:
    """Return the graph and metadata of a file; ValueError unless the file is, byte for byte, what `encoded` gives for them."""
    try:
        model = _fields(memoryview(data))
        properties = [_fields(entry) for entry in model.get(14, [])]
        metadata = {_text(entry[1][0]): _text(entry[2][0]) for entry in properties}
        body = _fields(model[7][0])
        graph = Graph(
            name=_text(body[2][0]),
            nodes=tuple(_read_node(_fields(item)) for item in body.get(1, [])),
            tensors=dict(_read_tensor(_fields(item)) for item in body.get(5, [])),
            inputs=dict(_read_value(_fields(item)) for item in body.get(11, [])),
            outputs=dict(_read_value(_fields(item)) for item in body.get(12, [])),
        )
        same = encoded(graph, metadata) == data
    except (KeyError, IndexError, TypeError, OverflowError, struct.error) as error:
        raise ValueError(f"its structure is broken: {error!r}") from error
    if not same:
        raise ValueError("it holds more than a graph as fercli writes it")
    return graph, metadata


def _node(node: Node) -> bytes:
    attributes = b"".join(_field(5, _attribute(name, value)) for name, value in sorted(node.attributes.items()))
    inputs = b"".join(_field(1, name) for name in node.inputs)
    return inputs + _field(2, node.output) + _field(3, node.output) + _field(4, node.operator) + attributes


def _read_node(fields: "_Fields") -> Node:
    attributes = dict(_read_attribute(_fields(item)) for item in fields.get(5, []))
    return Node(_text(fields[4][0]), tuple(map(_text, fields.get(1, []))), _text(fields[2][0]), attributes)


# The kinds of attributes, AttributeProto.AttributeType, and the field that holds each.
_REAL, _INTEGER, _STRING, _INTEGERS = (1, 2), (2, 3), (3, 4), (7, 8)


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, tuple):
        kind, number = _INTEGERS
        content = b"".join(_field(number, item) for item in value)
    else:
        kind, number = _REAL if isinstance(value, float) else _INTEGER if isinstance(value, int) else _STRING
        content = _field(number, value)
    return _field(1, name) + content + _field(20, kind)


def _read_attribute(fields: "_Fields") -> tuple[str, Attribute]:
    name, kind = _text(fields[1][0]), fields[20][0]
    if kind == _INTEGERS[0]:
        return name, tuple(fields.get(_INTEGERS[1], []))
    if kind == _STRING[0]:
        return name, _text(fields[_STRING[1]][0])
    number = {_REAL[0]: _REAL[1], _INTEGER[0]: _INTEGER[1]}[kind]
    result: Attribute = fields[number][0]
    return name, result


def _tensor(name: str, tensor: NDArray[Any]) -> bytes:
    sides = b"".join(_field(1, side) for side in tensor.shape)
    return sides + _field(2, _TYPES[tensor.dtype]) + _field(8, name) + _field(9, tensor.tobytes())


def _read_tensor(fields: "_Fields") -> tuple[str, NDArray[Any]]:
    return _text(fields[8][0]), np.frombuffer(fields[9][0], _DTYPES[fields[2][0]]).reshape(fields.get(1, []))


def _value(name: str, value: Value) -> bytes:
    sides = [_field(2, _BATCH), *(_field(1, side) for side in value.shape)]
    shape = b"".join(_field(1, side) for side in sides)
    tensor = _field(1, _TYPES[value.dtype]) + _field(2, shape)
    return _field(1, name) + _field(2, _field(1, tensor))


def _read_value(fields: "_Fields") -> tuple[str, Value]:
    tensor = _fields(_fields(fields[2][0])[1][0])
    _, *sides = (_fields(side) for side in _fields(tensor[2][0])[1])
    return _text(fields[1][0]), Value(_DTYPES[tensor[1][0]], tuple(side[1][0] for side in sides))


# Protocol buffers: https://protobuf.dev/programming-guides/encoding
_Fields = dict[int, list[Any]]
_VARINT, _BYTES, _FIXED32 = 0, 2, 5


def _field(number: int, value: float | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    if isinstance(value, float):
        return _varint(number << 3 | _FIXED32) + struct.pack("<f", value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers, by two's complement
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def _fields(data: memoryview) -> _Fields:
    """Return the content of a message: the values of each field, by its number."""
    found: _Fields = {}
    for count, (number, value) in enumerate(_walk(data)):
        if count >= _MOST_FIELDS:
            raise ValueError("it has too many parts")
        found.setdefault(number, []).append(value)
    return found


def _walk(data: memoryview) -> Iterator[tuple[int, Any]]:
    place = 0
    while place < len(data):
        tag, place = _read_varint(data, place)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, place = _read_varint(data, place)
            yield number, value - (1 << 64) if value >> 63 else value
        elif kind == _FIXED32:
            yield number, struct.unpack_from("<f", data, place)[0]
            place += 4
        elif kind == _BYTES:
            length, place = _read_varint(data, place)
            yield number, data[place : place + length]
            place += length
        else:
            raise ValueError(f"it has a field of an unknown kind, {kind}")


def _read_varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("it has a number of more than 64 bits")


def _text(value: memoryview) -> str:
    return str(value, "utf-8")


_HEAD = _field(1, _IR_VERSION) + _field(2, "fercli")
