"""Weights that older versions wrote as safetensors, as ONNX files beside them: `python tests/bench/convert.py FILE.safetensors...`.

Prints the SHA-256 of each new file, which the registry names for those in `weights/`.
"""

import hashlib
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from fercli.models.networks.conversion import converted
from fercli.models.weights import write_weights

for name in sys.argv[1:]:
    path = Path(name)
    # The first weights were shipped without a digest of their content: whoever converts a file by hand trusts it.
    weights = converted(path, hashlib.sha256(path.read_bytes()).hexdigest())
    target = path.with_suffix(".onnx")
    write_weights(weights.graph, weights.metadata, target)
    print(hashlib.sha256(target.read_bytes()).hexdigest(), target, f"{target.stat().st_size:,} bytes")
