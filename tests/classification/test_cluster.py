"""On a real Ray: one node with two workers, then a cluster of three nodes on this machine that loses one."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from fercli.classification.cluster import classify_on_ray, refuse_missing_ray
from fercli.classification.job import Options, Workers
from fercli.classification.pipeline import classify
from fercli.classification.records import Outcome, Reject
from fercli.errors import FercliError, IntegrityError, Interrupted, UsageError
from fercli.photos.faces import detector
from fercli.photos.walk import Walk
from tests import hostile
from tests.clips import gray_steps, write_clip
from tests.conftest import Ran, synthetic_faces
from tests.fakes import Deadly, FakeJob, FakeLabeller, Slow

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]

SOURCE = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("address", "words"),
    [(None, "Ray did not start on this machine (The node timed out, GCS overloaded); try"), ("auto", "cluster auto cannot be")],
)
def test_a_ray_that_does_not_start_is_no_bug(address: str | None, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise Exception("The node timed out,\nGCS overloaded.")

    for name, fake in {"is_initialized": lambda: False, "init": fail, "shutdown": lambda: None}.items():
        monkeypatch.setattr(ray, name, fake)
    with pytest.raises(FercliError, match=re.escape(words)):
        list(classify_on_ray([], FakeJob(), "0", address=address))


@pytest.fixture(scope="module")
def two_workers() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(SOURCE))  # which workers inherit; with a `runtime_env` Ray would start others first
        keeping = {"idle_worker_killing_time_threshold_ms": 600_000}  # for the next run, rather than start others
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _system_config=keeping)
        yield
        ray.shutdown()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    hostile.make(folder)
    for number, face in enumerate(synthetic_faces(20)[0]):
        Image.fromarray(face).save(folder / f"face{number}.png")
    return folder


def locally(folder: Path, options: Options | None = None) -> list[Outcome]:
    return list(classify(Walk([folder]), FakeLabeller(), detector("none"), options or Options()))


@pytest.mark.usefixtures("two_workers")
def test_two_workers_find_what_one_process_finds_and_pass_on_what_is_known(photos: Path) -> None:
    """Rows and rejects, in order; `test_a_lost_worker_costs_only_its_block` knows nothing before."""
    expected = locally(photos)
    assert {outcome.status for outcome in expected} == {"ok", "rejected"}
    known = {outcome.path: replace(outcome, faces=outcome.faces * 2) for outcome in expected[::3]}
    # A cluster at an address may grow, so that more workers may be asked for than it has room for.
    found = list(
        classify_on_ray(
            Walk([photos]),
            FakeJob(),
            "0",
            known=lambda path: [known[path]] if path in known else [],
            workers=Workers(3),
            address="a:1",
        )
    )
    assert found == [known.get(outcome.path, outcome) for outcome in expected]
    assert list(classify_on_ray([], FakeJob(), "0")) == []


@pytest.mark.usefixtures("two_workers")
def test_relative_paths_and_options_reach_a_worker(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which has another working folder."""
    monkeypatch.chdir(photos.parent)
    options = Options(max_pixels=1000)
    few = list(classify_on_ray(Walk([Path("photos")]), FakeJob(options=options), "0", workers=Workers(1)))
    assert [replace(outcome, path=photos.parent / outcome.path) for outcome in few] == locally(photos, options) != locally(photos)


@pytest.mark.usefixtures("two_workers")
def test_workers_share_a_long_video(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretches of a second and a half, from the beginning or from what is known, and one of a video that breaks off."""
    monkeypatch.setattr("fercli.classification.stretches.SECONDS", 1.5)
    for name in ("clip.mp4", "known.mp4"):
        write_clip(photos / name, gray_steps(78))
    broken = write_clip(photos / "broken.mkv", gray_steps(78))
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2])
    write_clip(photos / "other.webm", gray_steps(15)).rename(photos / "other")
    options = Options(every=0.5)
    expected = locally(photos, options)
    known = {photos / "known.mp4": [outcome for outcome in expected if outcome.path.name == "known.mp4"][:4]}
    found = classify_on_ray(Walk([photos]), FakeJob(options=options), "0", known=lambda path: known.get(path, []))
    assert list(found) == expected


@pytest.fixture
def with_white_face(photos: Path) -> Path:
    white = photos / "face-white.png"
    Image.new("L", (48, 48), 255).save(white)
    return white


@pytest.mark.usefixtures("two_workers", "with_white_face")
def test_a_lost_worker_costs_only_its_block(photos: Path, tmp_path: Path) -> None:
    (marks := tmp_path / "marks").mkdir()
    found = list(classify_on_ray(Walk([photos]), FakeJob(make=partial(Deadly, marks, 3)), "0"))
    assert found == locally(photos)
    assert len(list(marks.iterdir())) == 3


@pytest.mark.usefixtures("two_workers")
def test_a_photo_that_ends_every_worker_is_rejected(photos: Path, with_white_face: Path, tmp_path: Path) -> None:
    (marks := tmp_path / "marks").mkdir()
    found = list(classify_on_ray(Walk([photos]), FakeJob(make=partial(Deadly, marks, 1000)), "0", workers=Workers(1)))
    expected = [
        Outcome(outcome.path, reject=Reject("fatal", "it crashed its worker 2 times"))
        if outcome.path == with_white_face
        else outcome
        for outcome in locally(photos)
    ]
    assert found == expected
    assert len(list(marks.iterdir())) == 4


@pytest.mark.usefixtures("two_workers")
def test_workers_with_other_weights_or_too_many_are_refused(photos: Path) -> None:
    with pytest.raises(IntegrityError, match="other weights"):
        list(classify_on_ray(Walk([photos]), FakeJob(), "1", workers=Workers(1)))
    with pytest.raises(UsageError, match="too few for 1 x 1 CPU and 1 GPU"):
        list(classify_on_ray(Walk([photos]), FakeJob(), "0", workers=Workers(gpus=1)))
    with pytest.raises(UsageError, match="too few for 3 x 1 CPU"):
        list(classify_on_ray(Walk([photos]), FakeJob(), "0", workers=Workers(3)))


@pytest.mark.usefixtures("two_workers")
def test_the_command_writes_the_same_file_with_either_engine(
    fercli: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a real network, whose place is told from this process's working folder, and a real search for faces."""
    (run := tmp_path / "runs" / "mine").mkdir(parents=True)
    (run / "model.onnx").symlink_to(SOURCE / "weights" / "shallow.onnx")
    monkeypatch.chdir(tmp_path)
    results = []
    for engine in (["--engine", "local"], ["--engine", "ray", "--workers", 2]):
        output, options = tmp_path / f"{engine[1]}.csv", ["--weights", "runs/mine", *engine]
        ran = fercli("classify", SOURCE / "tests" / "photos", SOURCE / "README.md", "-o", output, *options)
        assert ran.code == 3
        assert "README.md: not_an_image" in ran.talk
        results.append((output.read_bytes(), ran.talk.split("Expressions")[1].split("skipped")[0]))
    assert results[0] == results[1]


def test_a_cluster_that_loses_a_machine_completes_the_run(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    (marks := tmp_path / "marks").mkdir()
    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
        cluster.wait_for_nodes()
        ray.init(address=cluster.address, log_to_driver=False)

        def take_one_away() -> None:
            while len(list(marks.iterdir())) < 2:  # both have begun
                time.sleep(0.1)
            cluster.remove_node(nodes[0], allow_graceful=False)

        thread = threading.Thread(target=take_one_away)
        thread.start()
        found = list(classify_on_ray(Walk([photos]), FakeJob(make=partial(Slow, marks)), "0"))
        thread.join()
        with pytest.raises(UsageError, match=r"1 CPU and 0 GPU .machines: 2., too few for 1 x 2 CPU"):  # none has two
            list(classify_on_ray(Walk([photos]), FakeJob(), "0", workers=Workers(cpus=2)))
        assert sum(node["Alive"] for node in ray.nodes()) == 2
        assert found == locally(photos)
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_a_cluster_that_is_not_there(photos: Path) -> None:
    ray.shutdown()
    with pytest.raises(FercliError, match="--ray-address"):
        list(classify_on_ray(Walk([photos]), FakeJob(), "0", address="127.0.0.1:1"))
    with pytest.raises(UsageError, match="HOST:6379"):
        list(classify_on_ray(Walk([photos]), FakeJob(), "0", address="ray://127.0.0.1:10001"))


def test_a_stop_while_ray_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray takes SIGTERM for itself then, and ends with an exit code of its own."""

    def stopped(**_: object) -> None:
        raise SystemExit(15)

    ray.shutdown()
    monkeypatch.setattr(ray, "init", stopped)
    with pytest.raises(Interrupted) as stop:
        list(classify_on_ray([], FakeJob(), "0"))
    assert stop.value.exit_code == 143


def test_without_ray_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercli.classification.cluster.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'fercli\[ray\]'"):
        refuse_missing_ray()


def test_options_of_workers_need_the_engine(fercli: Callable[..., Ran], photos: Path, tmp_path: Path) -> None:
    ran = fercli("classify", photos, "-o", tmp_path / "r.csv", "--workers", 2)
    assert (ran.code, "--engine ray" in ran.talk) == (2, True)
