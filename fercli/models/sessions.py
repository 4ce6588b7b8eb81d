"""Running graphs on ONNX Runtime: the only module that imports it."""

import functools
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else it reports home (1.29 and later), and puts an id into ~/.cache

import onnxruntime

from fercli.errors import shortage
from fercli.surroundings import cores

# Its warnings, such as of graphics processors that it does not find, bypass Python and reach the terminal; its errors are raised.
onnxruntime.set_default_logger_severity(4)

BATCH = 8  # items computed in one go, always: other numbers may round differently, and a face's labels must not depend on others


def open_session(graph: bytes, threads: int = 1, *, graphics: bool = True) -> onnxruntime.InferenceSession:
    """Return the ONNX file `graph`, ready to run; with `graphics`, on a graphics processor if ONNX Runtime has one.

    Its `run` may be called from several Python threads at once; `threads` is how many share one call. Raises ValueError if ONNX
    Runtime refuses the graph, and its own error if memory is missing.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other threads decode photos meanwhile
    options.log_severity_level = 4
    options.enable_mem_pattern = False  # a plan for each shape takes 60 MB if photos differ in size, and saves no time
    usable = onnxruntime.get_available_providers() if graphics else ["CPUExecutionProvider"]
    providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in usable]
    try:
        return onnxruntime.InferenceSession(graph, options, providers=providers)
    except Exception as error:  # ONNX Runtime's own have no other base
        if shortage(error):
            raise
        raise ValueError(" ".join(str(error).split())) from error


def compute(session: onnxruntime.InferenceSession, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Return a session's only output (N,…) for inputs (N,…): `BATCH` at a time, the last filled up, on all `cores`."""
    count = len(next(iter(inputs.values())))

    def run(start: int) -> NDArray[Any]:
        batch = {name: _filled(values[start : start + BATCH]) for name, values in inputs.items()}
        result: NDArray[Any] = session.run(None, batch)[0]
        return result

    return np.concatenate(list(_pool().map(run, range(0, max(count, 1), BATCH))))[:count]


def _filled(values: NDArray[Any]) -> NDArray[Any]:
    missing = BATCH - len(values)
    return np.concatenate([values, np.zeros((missing, *values.shape[1:]), values.dtype)]) if missing else values


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), thread_name_prefix="fercli-compute")
