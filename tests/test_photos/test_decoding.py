"""Limits that hold while pictures are decoded: seconds, pixels of all threads together, and Pillow's own guard."""

import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from fercli.errors import ImageRejected
from fercli.photos import decoding
from fercli.photos.images import read_gray
from tests.hostile import RGB, encoded, png, png_chunk


def test_promise_13_a_decoder_has_its_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(encoded(RGB.resize((900, 900)), "PNG"))
    assert read_gray(tmp_path / "x").shape == (900, 900)
    monkeypatch.setattr(decoding, "SECONDS", 0.0)
    with pytest.raises(ImageRejected, match="more than 0 seconds"):
        read_gray(tmp_path / "x")


def test_promise_14_threads_share_one_budget_of_pixels() -> None:
    budget = decoding._Budget(100)
    most = now = 0
    lock = threading.Lock()

    def decode(amount: int) -> None:
        nonlocal most, now
        with budget.taken(amount):
            with lock:
                now += min(amount, 100)
                most = max(most, now)
            time.sleep(0.002)
            with lock:
                now -= min(amount, 100)

    threads = [threading.Thread(target=decode, args=(amount,)) for amount in [30, 70, 100, 500, 1, 99] * 8]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (most, now) == (100, 0)


def test_promise_14_the_limit_holds_for_the_size_that_the_decoder_sees(tmp_path: Path) -> None:
    signature_and_header = png(48, 48)[: 8 + 25]
    (tmp_path / "two-headers.png").write_bytes(signature_and_header + png(9000, 9000, png_chunk(b"IDAT", b""))[8:])
    with pytest.raises(ImageRejected, match="its header states one size") as caught:
        read_gray(tmp_path / "two-headers.png")
    assert caught.value.code == "damaged"


def test_promise_13_importing_leaves_pillow_as_it_was(tmp_path: Path) -> None:
    """Its guard is lifted only for a picture that somebody allowed by name, while that is decoded alone."""
    guard = Image.MAX_IMAGE_PIXELS
    assert guard
    (tmp_path / "x.png").write_bytes(png(30_000, 10_000, png_chunk(b"IDAT", b"")))
    with pytest.raises(ImageRejected) as caught:
        read_gray(tmp_path / "x.png", max_pixels=10**9)
    assert caught.value.code == "damaged"
    assert guard == Image.MAX_IMAGE_PIXELS
