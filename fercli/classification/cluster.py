"""Photos and videos labelled by the workers of a Ray cluster.

Ray Data holds what is to do as blocks, hands them to a pool of actors that each load the model once, gives a block to another actor
if one is lost, and keeps the order. What an actor does with a block is in `worker`.
"""

import contextlib
import json
import logging
import math
import os
import signal
import socket
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercli.classification.job import Job, Workers
from fercli.classification.records import Outcome, decoded, encoded
from fercli.classification.stretches import End, Known, Stretch, cut, joined
from fercli.classification.worker import Attempts, Worker, block_of, rows_of
from fercli.errors import FercliError, IntegrityError, Interrupted, UsageError
from fercli.remote import place
from fercli.version import __version__

if TYPE_CHECKING:
    import pyarrow

BLOCK = 256  # photos at most, or a stretch of a video: what a lost worker costs
_CONNECT_SECONDS = 10
_GROW_SECONDS = 600


def refuse_missing_ray() -> None:
    """Raise UsageError, saying what to install, if Ray is not installed."""
    if find_spec("ray") is None or find_spec("pyarrow") is None:
        raise UsageError("--engine ray needs Ray; install it with: pip install 'fercli[ray]'")


def classify_on_ray(
    paths: Iterable[Path],
    job: Job,
    sha256: str,
    *,
    known: Known = lambda _: (),
    address: str | None = None,
    workers: Workers = Workers(),
) -> Generator[Outcome, None, None]:
    """Yield an outcome for each photo and frame, in the order of `paths`, exactly as `pipeline.classify` does.

    The cluster is the one at `address` or in RAY_ADDRESS, or else one on this machine that lasts as long as this run. Every worker
    must find the inputs and the user's weights at the same place; `sha256` is the digest that those weights must have. All paths
    are listed before the first photo is read. A file that ends its worker twice, alone, is rejected.

    Raises UsageError if there is no room for the workers, FercliError if the cluster cannot be reached or fails, and IntegrityError
    if a worker has other weights or another version of fercli.
    """
    address = address or os.environ.get("RAY_ADDRESS")
    job = replace(job, weights=job.weights and job.weights.absolute())  # a worker has another working folder
    if address and address.startswith("ray://"):
        raise UsageError(f"{address} is a Ray Client address, which Ray Data does not support; give the cluster's own HOST:6379.")
    with _connected(address):
        import ray
        from ray.data import ActorPoolStrategy, DataContext

        blocks = [ray.put(block) for block in _blocks(cut(paths, job.options.every, known))]
        if not blocks:
            return
        fitting = _fitting(workers)
        size = _pool_size(workers, fitting, len(blocks), grows=address not in {None, "local"})
        with DataContext.current(_context(grows=not fitting)):
            outcomes = ray.data.from_arrow_refs(blocks).map_batches(
                Worker,
                batch_size=None,  # a block as it is
                batch_format="pyarrow",
                compute=ActorPoolStrategy(size=size),
                fn_constructor_args=(job, Path.cwd(), sha256, __version__, workers.cpus, _attempts()),
                num_cpus=workers.cpus,
                num_gpus=workers.gpus,
            )
            yield from joined(_results(outcomes.iter_batches(batch_size=None, batch_format="pyarrow")))


def _context(*, grows: bool) -> Any:
    """Return settings of Ray Data: to keep the order, say nothing, and wait, but not for ever, if the cluster has to grow."""
    from ray.data import DataContext

    context = DataContext.get_current().copy()
    if grows:
        context.wait_for_min_actors_s = _GROW_SECONDS
    context.execution_options.preserve_order = True
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return context


def _results(batches: Iterable["pyarrow.Table"]) -> Iterator[Outcome | End]:
    for batch in batches:
        for path, text in rows_of(batch):
            if path is None:
                raise _refusal(*json.loads(text))
            here = place(os.fsdecode(path))
            yield End(here, int(text)) if text.isdecimal() else decoded(here, text)


def _attempts() -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # On this machine, without which the run ends anyway. A soft affinity would not do: Ray places actors without cores at random.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(Attempts).options(num_cpus=0, scheduling_strategy=here).remote()


def _blocks(sources: Iterable[Outcome | Path | Stretch]) -> Iterator["pyarrow.Table"]:
    """Yield the sources in blocks of at most `BLOCK`, with each stretch alone in one; the first blocks are small.

    That keeps every worker busy even for a small folder, and brings the first results sooner.
    """
    rows: list[tuple[bytes, str | None]] = []
    size = 16
    for source in sources:
        if isinstance(source, Stretch):
            if rows:
                yield block_of(rows)
            yield block_of([(os.fsencode(source.path), source.text())])
            rows = []
            continue
        rows.append((os.fsencode(source), None) if isinstance(source, Path) else (os.fsencode(source.path), encoded(source)))
        if len(rows) >= size:
            yield block_of(rows)
            rows, size = [], min(BLOCK, size + 4)
    if rows:
        yield block_of(rows)


def _fitting(workers: Workers) -> int:
    """Return how many workers the cluster has room for now, machine by machine, since a worker runs on a single one."""
    import ray

    def on(room: dict[str, float]) -> int:
        number = math.floor(room.get("CPU", 0) / workers.cpus)
        if not workers.gpus:
            return number
        gpus, share = room.get("GPU", 0), workers.gpus
        return min(number, math.floor(gpus) * math.floor(1 / share + 1e-6) if share < 1 else math.floor(gpus / share))

    return sum(on(node["Resources"]) for node in ray.nodes() if node["Alive"])


def _pool_size(workers: Workers, fitting: int, blocks: int, *, grows: bool) -> int:
    """Return how many workers to ask for; UsageError if there is no room for them and the cluster cannot grow."""
    import ray

    number = fitting if workers.number is None else workers.number
    if not number or (number > fitting and not grows):
        room, machines = ray.cluster_resources(), sum(node["Alive"] for node in ray.nodes())
        raise UsageError(
            f"The cluster has {room.get('CPU', 0):g} CPU and {room.get('GPU', 0):g} GPU (machines: {machines}), too few for "
            f"{number or 1} x {workers.cpus} CPU and {workers.gpus:g} GPU; ask for fewer workers, or for less for each."
        )
    return min(number, blocks)


@contextlib.contextmanager
def _connected(address: str | None) -> Iterator[None]:
    """Connect to a cluster for the block, unless this process is connected already; Ray's failures become FercliError."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report home
    import ray
    from ray.exceptions import RayError

    ours = not ray.is_initialized()
    try:
        if ours:
            _connect(address)
        yield
    except RayError as error:
        reason = " ".join(str(error).split())[-400:]
        raise FercliError(f"The Ray cluster failed ({reason}); check that it is running, and go on with --resume.") from error
    finally:
        if ours:
            ray.shutdown()


def _connect(address: str | None) -> None:
    import ray

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # Without an address Ray would join whatever cluster last ran on this machine, or wait for one that is gone.
    own: dict[str, Any] = {} if address else {"include_dashboard": False}
    try:
        host, _, port = (address or "").rpartition(":")
        if host and port.isdigit():  # Ray itself would try for minutes
            socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
        ray.init(address=address or "local", logging_level=logging.ERROR, log_to_driver=False, **own)
    except Exception as error:  # Ray raises a bare one where a cluster of its own does not come up in time
        reason = " ".join(str(error).split()).removesuffix(".")
        raise FercliError(
            f"The Ray cluster {address} cannot be reached ({reason}); check that it is running, or name another with --ray-address."
            if address
            else f"Ray did not start on this machine ({reason}); try again when it is less busy, or leave --engine ray out."
        ) from error
    except SystemExit as error:  # Ray's own answer to SIGTERM
        raise Interrupted(128 + signal.SIGTERM) from error
    finally:
        for number, handler in handlers.items():  # Ray takes SIGTERM for itself
            signal.signal(number, handler)


def _refusal(exit_code: int, message: str) -> FercliError:
    return {2: UsageError, 4: IntegrityError}.get(exit_code, FercliError)(message)
