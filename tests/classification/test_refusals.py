import io
from pathlib import Path

import pytest

from fercli.classification.counts import Counts
from fercli.classification.outputs import Output
from fercli.classification.refusals import refuse_copies, refuse_empty, refuse_more, refuse_output, refuse_report
from fercli.errors import FercliError, UsageError
from fercli.photos.walk import Walk


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Path("photos/0.png").write_bytes(b"a photo")
    return Path("photos")


def test_standard_output_that_takes_no_bytes_is_refused(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook."""
    monkeypatch.setattr("sys.stdout", io.StringIO())
    with pytest.raises(UsageError, match="takes no bytes here"):
        refuse_output(Output.parse("-"), [photos], overwrite=False, resume=False, update=False)


def test_promise_20_results_that_exist_are_replaced_only_when_told(photos: Path) -> None:
    output = Output(Path("r.csv"))
    output.path.write_text("earlier results")
    with pytest.raises(UsageError, match=r"r\.csv exists already; add --update"):
        refuse_output(output, [photos], overwrite=False, resume=False, update=False)
    for flag in ("overwrite", "resume", "update"):
        refuse_output(output, [photos], **{"overwrite": False, "resume": False, "update": False, flag: True})
    with pytest.raises(UsageError, match=r"is complete and page\.html is missing"):
        refuse_more(output, [None, Path("page.html")])


@pytest.mark.parametrize("name", ["r.csv", "photos/../r.csv", "photos/0.png", "photos"])
def test_promise_20_a_page_replaces_neither_results_nor_photos(photos: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"both the results and the report|also an input|is a folder"):
        refuse_report(Path(name), Output(Path("r.csv")), [photos / "0.png"], overwrite=True)


@pytest.mark.parametrize("name", ["page.pdf", "page"])
def test_a_page_is_not_written_as_another_format(name: str) -> None:
    with pytest.raises(UsageError, match=r"page(\.pdf)? cannot be written .*; end the name in \.html or \.htm\.$"):
        refuse_report(Path(name), None, [], overwrite=False)


@pytest.mark.parametrize("folder", [".", "photos", "photos/..", "link"])
def test_promise_20_copies_do_not_go_where_the_photos_are(photos: Path, tmp_path: Path, folder: str) -> None:
    Path("link").symlink_to("photos")
    for inputs in ([tmp_path / photos], [photos / "0.png"]):
        with pytest.raises(UsageError, match="holds the photos themselves"):
            refuse_copies(Path(folder), inputs, overwrite=True)


def test_promise_20_a_folder_of_other_photos_never_becomes_one_of_copies(photos: Path) -> None:
    Path("mine").mkdir()
    Path("mine/a.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match="holds files that are not annotated copies"):
        refuse_copies(Path("mine"), [photos], overwrite=True)


def test_what_there_is_instead_of_photos_is_told(photos: Path) -> None:
    (photos / "0.png").rename(photos / "0.txt")
    walk = Walk([photos])
    assert not list(walk)
    with pytest.raises(FercliError, match=r"no photos or videos in photos, only files of other kinds: photos/0\.txt, so no"):
        refuse_empty(Counts(), walk, [photos])
