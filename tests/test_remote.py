"""Remote photos and results, on an S3 server that runs on this machine."""

import os
import pickle
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fercli import interface
from fercli.classification.journal import journal_path
from fercli.errors import FercliError, UsageError
from fercli.files import Kind, identity_of, kind_of, readable
from fercli.photos.walk import Walk
from fercli.remote import RemotePath, _file_system, place
from fercli.writing import atomic_write, write_atomically
from tests.clips import gray_steps, write_clip
from tests.conftest import Ran, synthetic_faces

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = pytest.importorskip("moto.server")
    running = moto.ThreadedMotoServer(port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, value in {
        "AWS_ENDPOINT_URL": server, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    import boto3

    client: Any = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    _file_system.cache_clear()
    yield place("s3://bucket")
    for item in client.list_objects_v2(Bucket="bucket").get("Contents", []):
        client.delete_object(Bucket="bucket", Key=item["Key"])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    for number, face in enumerate(synthetic_faces(5)[0]):
        Image.fromarray(face).save(folder / ("deeper" if number % 2 else "") / f"{number}.png")
    (folder / "half.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (folder / "notes.txt").write_text("no photo")
    return folder


def sent(folder: Path, to: Path) -> Path:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            write_atomically(to / path.relative_to(folder), path.read_bytes())
    return to


def test_places() -> None:
    assert place("a/b.png") == Path("a/b.png")
    assert place("file:///a/b.png") == Path("/a/b.png")
    remote = place("s3://bucket/a/b.png")
    assert isinstance(remote, RemotePath)
    assert [str(path) for path in (remote, remote.parent, remote.with_name("c.csv"), remote / "d")] == [
        "s3://bucket/a/b.png", "s3://bucket/a", "s3://bucket/a/c.csv", "s3://bucket/a/b.png/d",
    ]  # fmt: skip
    assert (remote.name, remote.suffix, readable(remote), os.fspath(remote)) == ("b.png", ".png", *["s3://bucket/a/b.png"] * 2)
    assert pickle.loads(pickle.dumps(remote)) == remote  # noqa: S301 (our own)
    assert (remote.resolve(), remote.is_symlink(), remote.samefile(remote), remote.samefile("x")) == (remote, False, True, False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://x/y", "copy it here"), ("s3a://x/y", "s3://"), ("s3://", "names no bucket"), ("s3:///x", "names no bucket"),
        ("s3://my bucket/x", "a space"),
        ("s3://key:secret@bucket/x", "not contain a password"), ("s3://key:sec/secret@bucket/x", "not contain a password"),
        ("abfss://:secret==@account.dfs.core.windows.net/x", "not contain a password"),
    ],
)  # fmt: skip
def test_uris_that_name_no_place(text: str, reason: str, fercli: Callable[..., Ran], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=reason) as refused:
        place(text)
    assert "secret" not in str(refused.value)
    ran = fercli("classify", text, "-o", tmp_path / "r.csv")
    assert (ran.code, reason in " ".join(ran.talk.split())) == (2, True)


@pytest.mark.parametrize(
    ("text", "system", "inside"),
    [
        ("abfss://container@account.dfs.core.windows.net/a/b", "AzureFileSystem", "container/a/b"),
        ("abfss://account.blob.core.windows.net/container/a", "AzureFileSystem", "container/a"),
        ("gs://anonymous@bucket/a", "GcsFileSystem", "bucket/a"), ("gs://anonymous@bucket", "GcsFileSystem", "bucket"),
    ],
)  # fmt: skip
def test_what_pyarrow_is_asked_for(text: str, system: str, inside: str) -> None:
    path = place(text)
    assert isinstance(path, RemotePath)
    with path._reached() as reached:
        assert (type(reached[0]).__name__, reached[1]) == (system, inside)
    hadoop = place("hdfs:///a/b")
    assert isinstance(hadoop, RemotePath)
    assert (str(hadoop), hadoop.bucket) == ("hdfs://default/a/b", None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["prepare", "s3://b/fer2013.csv"],
        ["prepare", "fer2013.csv", "-o", "s3://b/o.npz"],
        ["train", "--out", "s3://b/run"],
        ["evaluate", "--weights", "runs/mine", "--weights", "s3://b/run"],
        ["summary", "r.csv", "-o", "s3://b/s.csv"],
    ],
)
def test_what_must_be_on_this_machine_is_not_taken_for_a_folder_of_that_name(
    arguments: list[str], fercli: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = fercli(*arguments)
    assert (ran.code, "s3://b/" in ran.talk, "is not on this machine" in ran.talk) == (2, True, True)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match="is not on this machine"):
        interface.prepare("s3://b/fer2013.csv")


def test_a_bucket_that_is_not_there_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As AWS says it, which is asked for the bucket's region first."""

    def asked(*_: object) -> None:
        raise OSError("When resolving region for bucket 'x': Bucket 'x' not found")

    monkeypatch.setattr("fercli.remote._file_system", asked)
    assert kind_of(place("s3://x/a")) is Kind.MISSING


def test_a_uri_that_cannot_be_used_is_an_unreadable_file() -> None:
    path = place("s3://my|bucket/x")
    assert kind_of(path) is Kind.UNREADABLE
    with pytest.raises(OSError, match="Cannot parse URI") as failed:
        path.read_bytes()
    assert failed.value.filename == "s3://my|bucket/x"


def test_without_pyarrow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercli.remote.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'fercli\[remote\]'"):
        place("s3://bucket/a.png")


def test_what_is_there(bucket: Path) -> None:
    path = bucket / "some" / "file.bin"
    assert (kind_of(path), identity_of(path), path.exists()) == (Kind.MISSING, None, False)
    write_atomically(path, b"hello")
    assert (kind_of(path), kind_of(path.parent), kind_of(bucket)) == (Kind.FILE, Kind.FOLDER, Kind.FOLDER)
    assert (path.stat().st_size, path.read_bytes()) == (5, b"hello")
    assert stat.S_ISREG(path.stat().st_mode)
    assert list(path.parent.iterdir()) == [path]  # no temporary is left
    path.unlink()
    path.unlink(missing_ok=True)
    assert kind_of(place(str(path))) is Kind.MISSING
    with pytest.raises(FileNotFoundError):
        place("s3://bucket/nothing").read_bytes()
    with pytest.raises(ValueError, match="bytes"):
        path.open("w")


def test_promise_9_a_remote_file_is_the_old_one_or_the_whole_new_one(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bucket / "r.csv"
    write_atomically(path, b"old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as handle:
        raise ZeroDivisionError(handle.write(b"new"))
    assert path.read_bytes() == b"old"

    def broken(*_: object) -> None:
        raise OSError(5, "the line is down")

    with monkeypatch.context() as patch:
        patch.setattr("fercli.remote.shutil.copyfileobj", broken)
        with pytest.raises(FercliError, match=r"r\.csv cannot be written .the line is down"):
            write_atomically(path, b"new")
    assert place(str(path)).read_bytes() == b"old"
    assert list(bucket.iterdir()) == [path]  # no temporary is left
    write_atomically(path, b"new")
    assert place(str(path)).read_bytes() == b"new"
    with pytest.raises(FercliError, match="cannot be written"):
        write_atomically(place("s3://no-such-bucket/r.csv"), b"new")


def test_the_walk_is_that_of_a_local_folder(bucket: Path, photos: Path) -> None:
    remote = sent(photos, bucket / "photos")
    walk, local = Walk([remote, remote / "0.png", bucket / "nowhere.png"]), Walk([photos])
    assert list(walk) == [*(remote / path.relative_to(photos) for path in local), bucket / "nowhere.png"]
    assert (walk.passed_over, local.passed_over) == (1, 1)


@pytest.mark.usefixtures("fake_labeller")
def test_classify_reads_and_writes_there(bucket: Path, photos: Path, fercli: Callable[..., Ran], tmp_path: Path) -> None:
    remote = sent(photos, bucket / "photos")
    options = ["--detector", "none"]
    assert fercli("classify", photos, "-o", tmp_path / "r.csv", *options).code == 3
    ran = fercli(
        "classify", remote, "-o", bucket / "r.csv", "--annotate", bucket / "copies", "--report", bucket / "r.html", *options
    )
    assert ran.code == 3
    assert "s3://bucket/photos/half.jpg: damaged" in ran.talk
    assert (bucket / "r.csv").read_bytes() == (tmp_path / "r.csv").read_bytes().replace(os.fsencode(photos), os.fsencode(remote))
    assert len(list(Walk([bucket / "copies"]))) == 5
    assert (bucket / "r.html").read_bytes().count(b"data:image/jpeg") == 5
    again = fercli("classify", remote, "-o", bucket / "r.csv", *options)
    assert (again.code, "exists already" in again.talk) == (2, True)
    again = fercli("classify", remote, "-o", bucket / "r.csv", "--update", *options)
    assert (again.code, "known from before: 5" in again.talk) == (3, True)
    here = fercli("summary", tmp_path / "r.csv", "--by", "label").stdout
    for suffix in (".csv", ".jsonl", ".parquet", ".xlsx"):
        results = bucket / f"s{suffix}"
        assert fercli("classify", remote, "-o", results, *options, "--quiet").code == 3
        assert fercli("summary", results, "--by", "label").stdout == here
    missing = fercli("classify", bucket / "nothing", "-o", tmp_path / "x.csv")
    assert (missing.code, "s3://bucket/nothing does not exist" in missing.talk) == (2, True)
    for output in ("s3://no-such-bucket/r.csv", "s3://no-such-bucket/r/"):
        ran = fercli("classify", remote, "-o", output)
        assert (ran.code, "s3://no-such-bucket does not exist; create the bucket" in ran.talk) == (2, True)


@pytest.mark.usefixtures("fake_labeller")
def test_videos_are_read_where_they_are(bucket: Path, fercli: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for suffix in (".mp4", ".mkv", ".avi"):
        write_clip(tmp_path / "in" / f"clip{suffix}", gray_steps(45))
    write_clip(tmp_path / "in" / "other.webm", gray_steps(15)).rename(tmp_path / "in" / "other")
    cut = write_clip(tmp_path / "in" / "cut.mkv", gray_steps(45))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    remote = sent(tmp_path / "in", bucket / "in")
    options = ["--detector", "none", "--every", "0.5"]
    assert fercli("classify", tmp_path / "in", "-o", tmp_path / "r.csv", *options).code == 3
    outputs = ["--annotate", bucket / "copies", "--report", bucket / "r.html"]
    assert fercli("classify", remote, "-o", bucket / "r.csv", *outputs, *options).code == 3
    here, there = (tmp_path / "r.csv").read_bytes(), (bucket / "r.csv").read_bytes()
    assert there == here.replace(os.fsencode(tmp_path / "in"), os.fsencode(remote))
    assert len(list(Walk([bucket / "copies"]))) == 5
    assert (bucket / "r.html").read_bytes().count(b"<svg") == 5


@pytest.mark.usefixtures("fake_labeller")
def test_promise_11_a_stopped_remote_run_goes_on(
    bucket: Path, photos: Path, fercli: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    remote, output = sent(photos, bucket / "photos"), bucket / "r.csv"
    assert journal_path(output).is_relative_to(tmp_path / "state")
    assert fercli("classify", remote, "-o", output, "--detector", "none", "--strict").code == 1
    assert kind_of(output) is Kind.MISSING
    assert kind_of(journal_path(output)) is Kind.FILE
    assert fercli("classify", remote, "-o", output, "--detector", "none").code == 2
    assert fercli("classify", remote, "-o", output, "--detector", "none", "--resume").code == 3
    assert kind_of(journal_path(output)) is Kind.MISSING
    assert len(place(str(output)).read_bytes().splitlines()) == 7
