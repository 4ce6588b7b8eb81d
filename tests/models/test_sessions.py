import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fercli.models.graphs import encoded
from fercli.models.sessions import BATCH, compute, open_session
from tests.graphs import small_graph


def test_onnx_runtime_reports_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    child = [sys.executable, "-c", "import fercli.models.sessions"]
    subprocess.run(child, check=True, env=environment, cwd=Path(__file__).parents[2])
    assert list(tmp_path.rglob("*")) == []


def test_a_graph_computes_what_its_nodes_say_for_any_number_of_items() -> None:
    graph = small_graph()
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH + 3, 2, 2), np.uint8)
    image = pixels - graph.tensors["mean/mean"].astype(np.float32)
    flat = image.mean(axis=(1, 2))[:, None] * np.array([0.5, -2], np.float32)
    logits = flat @ (graph.tensors["last/kernel"] * graph.tensors["last/kernel:scale"])
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found = compute(open_session(encoded(graph, {})), {"pixels": pixels})
    assert np.allclose(found, powers / powers.sum(axis=1, keepdims=True), atol=1e-5)
    for count in (0, 1, BATCH):
        assert np.array_equal(compute(open_session(encoded(graph, {})), {"pixels": pixels[:count]}), found[:count])


def test_what_onnx_runtime_refuses_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="protobuf"):
        open_session(b"no graph")


def test_promise_10_a_lack_of_memory_is_not_laid_to_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("std::bad_alloc")

    monkeypatch.setattr("fercli.models.sessions.onnxruntime.InferenceSession", fail)
    with pytest.raises(RuntimeError, match="bad_alloc"):
        open_session(encoded(small_graph(), {}))
