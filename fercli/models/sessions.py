"""Graphs that compute, on ONNX Runtime: the only module that imports it."""

import os

os.environ.setdefault(
    "ORT_DISABLE_TELEMETRY", "1"
)  # since 1.29 it would report home, and leave a number of this machine in ~/.cache

import onnxruntime

# What it warns of, such as graphics processors that it does not find, goes past Python to the terminal; its errors are raised, too.
onnxruntime.set_default_logger_severity(4)


def cores() -> int:
    """Return how many cores to compute on: as many as OMP_NUM_THREADS says or, without it, as this process may use."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_session(graph: bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """Return the ONNX file `graph`, ready to run, on a graphics processor if the installed ONNX Runtime has one.

    Its `run` may be called from several Python threads at once; `threads` is how many share one call.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other threads decode photos meanwhile
    usable = onnxruntime.get_available_providers()
    providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in usable]
    return onnxruntime.InferenceSession(graph, options, providers=providers)
