import base64
import io
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.classification.records import Face, Outcome, Reject
from fercli.classification.report import FACES_SHOWN, FOLDERS_SHOWN, Report
from fercli.files import Identity
from fercli.labels import LABELS
from fercli.photos.geometry import Box, Moment
from tests.conftest import PHOTOS

SETTINGS = {"model": "deep", "detector": "<auto>"}


def face(label: str, confidence: float) -> Face:
    rest = (1 - confidence) / 6
    return Face(Box(170, 58, 110, 110), 0.9, tuple(confidence if name == label else rest for name in LABELS))


class Page(HTMLParser):
    """The page's text and its elements, tags counted as they open and close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs)["src"] or "")
        elif tag not in {"meta", "wbr"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def written(report: Report, path: Path) -> str:
    with path.open("wb") as handle:
        report.write(handle, SETTINGS, 10**8)
    return path.read_text("utf-8").replace("<wbr>", "")


def test_the_page_shows_faces_counts_and_what_was_left_out(tmp_path: Path) -> None:
    report = Report()
    photo = PHOTOS / "astronaut.jpg"
    report.add(Outcome(photo, (face("happy", 0.9), face("sad", 0.6))))
    report.add(Outcome(Path("no<b>body.jpg")))
    report.add(Outcome(Path("[/red]\x1b.jpg"), reject=Reject("damaged", "cut & broken")))
    report.add(Outcome(tmp_path / "gone.jpg", (face("happy", 0.7),)))
    text = written(report, tmp_path / "r.html")
    page = Page(text)
    assert page.open == []
    assert "photos: 3; faces: 3; photos without a face: 1; rejected: 1" in page.text
    assert "photos with several faces: 1" in page.text
    assert "2 (66.7%)" in page.text
    assert "no<b>body.jpg" in page.text
    assert "[/red]\\x1b.jpg: damaged: cut & broken" in page.text
    assert "<auto>" in page.text
    assert len(page.images) == 2  # the photo that is gone has an empty place
    for address in page.images:
        picture = Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/jpeg;base64,"))))
        assert max(picture.size) == 96
        assert np.asarray(picture).std() > 20
    assert not re.search(r"(src|href)=\"(?!data:)", text)  # self-contained


def test_the_most_confident_come_first_and_memory_is_bounded(tmp_path: Path) -> None:
    report = Report()
    for number in range(500):
        report.add(Outcome(tmp_path / f"{number}.jpg", (face("fear", 0.3 + number / 1000),)))
    assert sum(map(len, report._best.values())) == FACES_SHOWN
    page = written(report, tmp_path / "r.html")
    names = re.findall(r"<figcaption>[\d.]+ \S*/(\d+).jpg", page)
    assert names == [str(number) for number in range(499, 499 - FACES_SHOWN, -1)]
    doubtful = re.findall(r"<figcaption>([\d.]+) fear\? \S*/(\d+).jpg", page)
    assert doubtful[0] == ("0.30", "0")
    assert [name for _, name in doubtful] == [str(number) for number in range(FACES_SHOWN)]
    assert f"fear: the {FACES_SHOWN} most confident of 500" in page


def test_one_person_of_a_video_is_shown_once(tmp_path: Path) -> None:
    report = Report()
    for second in range(3):
        faces = (replace(face("fear", 0.5 + second / 10), person=1),)
        report.add(Outcome(tmp_path / "clip.mp4", faces, moment=Moment(float(second), second)))
    page = written(report, tmp_path / "r.html")
    assert "fear: the most confident of 3, at most one for each person in a video" in page


def test_the_least_confident_of_a_person_in_a_video_is_to_be_checked_and_no_other(tmp_path: Path) -> None:
    report = Report()
    for second in range(FACES_SHOWN):
        faces = (replace(face("fear", 0.5 - second / 100), person=1), replace(face("fear", 0.6 + second / 100), person=2))
        report.add(Outcome(tmp_path / "clip.mp4", faces, moment=Moment(float(second), second)))
    report.add(Outcome(tmp_path / "a.jpg", (face("happy", 0.7),)))
    page = written(report, tmp_path / "r.html")
    assert f"the 3 least confident of {2 * FACES_SHOWN + 1}, at most one for each person in a video" in page
    assert re.findall(r"<figcaption>([\d.]+) \w+\?", page) == ["0.27", "0.60", "0.70"]


def test_a_file_that_is_rejected_beside_a_video_makes_no_counts_of_photos(tmp_path: Path) -> None:
    report = Report()
    report.add(Outcome(tmp_path / "clip.mp4", (face("fear", 0.5),), moment=Moment(0.0, 0)))
    report.add(Outcome(tmp_path / "bad.jpg", reject=Reject("damaged", "cut off")))
    page = written(report, tmp_path / "r.html")
    assert "videos: 1; video frames: 1; faces: 1; pictures without a face: 0; rejected: 1" in page
    assert "Counts in photos" not in page


def test_faces_without_a_label_are_shown_however_few_there_are(tmp_path: Path) -> None:
    report = Report(min_confidence=0.6)
    report.add(Outcome(tmp_path / "a.jpg", (face("happy", 0.7), face("sad", 0.5))))
    page = written(report, tmp_path / "r.html")
    assert "To check by hand: 1 without a label<" in page
    assert re.findall(r"<figcaption>([\d.]+) (\w+)\?", page) == [("0.50", "sad")]


def test_photos_and_frames_are_counted_apart_and_this_folder_has_a_name(tmp_path: Path) -> None:
    report = Report(min_confidence=0.5)
    for second in range(8):
        report.add(Outcome(Path("clip.mp4"), (face("fear", 0.4 if second else 0.9),), moment=Moment(float(second), second)))
    report.add(Outcome(Path("a.jpg"), (face("happy", 0.7), face("sad", 0.7))))
    report.add(Outcome(Path("sub/b.jpg"), (face("happy", 0.7), face("sad", 0.3))))
    report.skipped = [Path("sub/notes.docx")]
    page = written(report, tmp_path / "r.html")
    photos, frames = page.split("Counts in frames of videos")
    assert "2 (50.0%)" in photos.split("Counts in photos")[1]
    assert "without a label, with a confidence below 0.5: 1" in photos
    assert "1 (12.5%)" in frames
    assert "without a label, with a confidence below 0.5: 7" in frames
    assert "<th>photos and frames</th><th>faces</th>" in page
    assert "<tr><td>(this folder)</td><td>9</td><td>10</td>" in page
    assert "<li>sub/notes.docx</li>" in page


def test_options_are_shown_as_they_are_typed(tmp_path: Path) -> None:
    settings = {"model": "compact+even", "weights": "0123456789abcdef" * 4, "detector": "auto", "fercli": "9.8"}
    settings |= {"largest": True, "whole": True, "min_face": 0, "max_pixels": 10**8, "every": 1.0, "prior": "even"}  # type: ignore[dict-item]
    with (tmp_path / "r.html").open("wb") as handle:
        Report().write(handle, settings, 10**8)
    page = Page((tmp_path / "r.html").read_text())
    assert "options--largest --on-no-face whole --prior even" in page.text
    assert "0123456789ab… (SHA-256)" in page.text
    assert "max_pixels" not in page.text
    with (tmp_path / "r.html").open("wb") as handle:
        Report().write(handle, SETTINGS, 10**8)
    assert "optionsnone but the defaults" in Page((tmp_path / "r.html").read_text()).text


def test_promise_22_any_time_of_a_file_has_a_day(tmp_path: Path) -> None:
    """Cameras and file systems have times far from any calendar."""
    report = Report()
    for seconds in (-(10**14), 10**14):
        report.add(Outcome(Path("a.jpg"), identity=Identity(1, seconds * 10**9)))
    with (tmp_path / "r.html").open("wb") as handle:
        report.write(handle, SETTINGS, 10**8)
    assert "The files were last changed between 0001-01-01 and 9999-12-31." in Page((tmp_path / "r.html").read_text()).text


def test_the_page_says_whose_faces_by_whom_from_when_and_where(tmp_path: Path) -> None:
    report = Report(min_confidence=0.5)
    day = 86_400 * 10**9
    for number, folder in enumerate(("p1", "p2", "p1")):
        path = Path("a-long-name-of-a-study-of-many-weeks", folder, f"{number}-{'x' * 40}.jpg")
        faces = (face("happy", 0.9), face("sad", 0.4))
        report.add(Outcome(path, faces, identity=Identity(1, 20_000 * day + number * day)))
    with (tmp_path / "r.html").open("wb") as handle:
        report.write(handle, {"model": "deep", "fercli": "9.8"}, 10**8, "It is right on 66.7 %")
    text = (tmp_path / "r.html").read_text().replace("<wbr>", "")
    page = Page(text)
    assert (
        "Labelled by deep (fercli 9.8). It is right on 66.7 %. The files were last changed between 2024-10-04 and 2024-10-06."
        in page.text
    )
    assert "weeks/p1/2-xxxx" in page.text  # below the picture, not on hover alone
    rows = re.findall(r"<tr><td>a-long-name[^<]*/(p\d)</td>((?:<td>\d+</td>)+)</tr>", text)
    counts = {name: re.findall(r"\d+", cells) for name, cells in rows}
    assert counts == {
        "p1": ["2", "4", "0", "0", "0", "2", "0", "0", "0", "2"],
        "p2": ["1", "2", "0", "0", "0", "1", "0", "0", "0", "1"],
    }


def test_of_many_folders_the_first_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    report = Report()
    for number in range(FOLDERS_SHOWN + 50):
        for folder in (f"f{number}", f"f{number}/below", f"f{number}"):  # as a walk comes back to a folder after one in it
            report.add(Outcome(Path(folder, "a.jpg")))
    page = written(report, tmp_path / "r.html")
    assert f"Counts by folder, the first {FOLDERS_SHOWN} of {2 * (FOLDERS_SHOWN + 50)}" in page
    assert len(re.findall(r"<tr><td>f\d+/below</td>", page)) == FOLDERS_SHOWN // 2
    assert len(report._folders) == FOLDERS_SHOWN


def test_promise_22_the_same_page_twice(tmp_path: Path) -> None:
    pages = []
    for name in ("a.html", "b.html"):
        report = Report()
        report.add(Outcome(PHOTOS / "astronaut.jpg", (face("happy", 0.9),)))
        pages.append(written(report, tmp_path / name))
    assert pages[0] == pages[1]


def test_a_browser_shows_it(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        pytest.skip("no Chromium here")
    report = Report()
    report.add(Outcome(PHOTOS / "astronaut.jpg", (face("happy", 0.9),) * 3))
    written(report, tmp_path / "r.html")
    shot = tmp_path / "shot.png"
    subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--screenshot={shot}",
            "--window-size=900,900",
            tmp_path / "r.html",
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    pixels = np.asarray(Image.open(shot).convert("RGB")).astype(int)
    blue = (pixels[..., 2] - pixels[..., 0] > 60).sum()  # the bar
    skin = (pixels[..., 0] - pixels[..., 2] > 40).sum()  # the faces
    assert blue > 2000
    assert skin > 2000
