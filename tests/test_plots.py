import io
import math
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from fercli.labels import LABELS
from fercli.models.history import Epoch
from fercli.plots import NotDrawn, plot_confusion, plot_curves, plot_means, plot_per_class, plot_reliability


def pixels(png: bytes) -> NDArray[np.int64]:
    """The picture (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(np.int64)


def colours(png: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The colours (N,3) of a picture and how many pixels have each; as whole numbers they are sorted in no time."""
    values, counts = np.unique(pixels(png) @ [1 << 16, 1 << 8, 1], return_counts=True)
    return values[:, None] >> [16, 8, 0] & 255, counts


def test_curves_of_several_runs_in_one_figure() -> None:
    history = [Epoch(n, 2 / n, 0.5, 2.1 / n, 0.4, 0.01, 1.0) for n in range(1, 6)]
    figures = plot_curves({"one": history}), plot_curves({"one": history, "two": history[:2]})
    one, two = (len(colours(figure)[0]) for figure in figures)
    assert two > one > 20


def test_a_run_that_diverged_does_not_flatten_the_others() -> None:
    history = [Epoch(n, 2 / n, 0.5, 2.1 / n, 0.4, 0.01, 1.0) for n in range(1, 6)]
    diverged = [Epoch(n, 10.0**n, 0.1, math.nan if n == 5 else 10.0**n, 0.1, 0.01, 1.0) for n in range(1, 6)]
    heights = []
    for histories in ({"one": history}, {"one": history, "two": diverged}):
        image = pixels(plot_curves(histories))
        left = image[:, : image.shape[1] // 2]
        rows = np.flatnonzero((left[..., 2] - left[..., 0] > 100).any(axis=1))  # of the first run, which is blue
        heights.append(rows.max() - rows.min())
    assert heights[1] > 0.6 * heights[0]


def test_more_than_ten_models_have_colours_of_their_own() -> None:
    fewer = {f"model {number}": [0.9] * 7 for number in range(10)}
    others = {f"model {number}": [0.9] * 7 for number in range(10, 20)}
    common = []
    for networks in ([fewer], [fewer, others]):
        values, counts = colours(plot_per_class("test", networks, LABELS))
        grey = values.max(axis=1) == values.min(axis=1)
        common.append(int((counts[~grey] > 2000).sum()))
    assert common[1] >= common[0] + 9  # one of the ten may be a grey


def test_published_bars_are_hatched() -> None:
    blue = []
    for published in ((), ("one",)):
        image = pixels(plot_per_class("test", [{"one": [0.9] * 7}], LABELS, published=published))
        blue.append(int((image[..., 2] - image[..., 0] > 100).sum()))
    assert blue[1] < 0.95 * blue[0]


def test_what_is_published_has_its_networks_colour() -> None:
    """Blue is the first colour, orange the second."""
    columns = {"deep": [0.9] * 7, "paper, deep": [0.9] * 7}
    orange = []
    for published in ((), ("paper, deep",)):
        image = pixels(plot_per_class("test", [columns], LABELS, published=published))
        orange.append(int((image[..., 0] - image[..., 2] > 100).sum()))
    assert orange[0] > 2000
    assert orange[1] == 0


def test_confusion_matrix_with_an_empty_class() -> None:
    confusion = (np.eye(7, dtype=int) * 9).tolist()
    confusion[1] = [0] * 7
    image = pixels(plot_confusion("deep, test", confusion, LABELS))
    dark_blue = (image[..., 2] - image[..., 0] > 60).sum()
    assert dark_blue > 6 * 2000


def test_accuracy_per_class_is_as_high_as_its_bars() -> None:
    blue = []
    for share in (0.25, 0.5):
        image = pixels(plot_per_class("test", [{"one": [share] * 6 + [None], "two": [0.3] * 7}], LABELS))
        blue.append(int((image[..., 2] - image[..., 0] > 100).sum()))
    assert blue[1] / blue[0] == pytest.approx(2, abs=0.1)


def test_reliability_shows_how_many_images_a_point_stands_for() -> None:
    blue = []
    for share in (0.1, 0.5):
        image = pixels(plot_reliability("one", [(0.3, 0.2, share), (0.9, 0.8, share)]))
        blue.append(int((image[..., 2] - image[..., 0] > 100).sum()))
    assert blue[1] > blue[0] + 200


def test_promise_22_the_same_picture_twice() -> None:
    assert plot_confusion("deep", [[1] * 7] * 7, LABELS) == plot_confusion("deep", [[1] * 7] * 7, LABELS)


def test_promise_22_a_figure_has_matplotlib_s_own_settings() -> None:
    history = [Epoch(n, 2 / n, 0.5, 2.1 / n, 0.4, 0.01, 1.0) for n in range(1, 4)]
    plain = plot_curves({"one": history})
    with matplotlib.rc_context({"text.usetex": True, "font.size": 30, "axes.facecolor": "red"}):
        assert plot_curves({"one": history}) == plain


def test_promise_18_any_name_in_a_figure() -> None:
    history = [Epoch(n, 2 / n, 0.5, 2.1 / n, 0.4, 0.01, 1.0) for n in range(1, 4)]
    plot_curves({"w$x_{$y": history, "_hidden": history})
    plot_per_class("$\\frac{$", [{"w$x_{$y": [0.5] * 7, "_hidden": [0.5] * 7}], LABELS)
    plot_reliability("$x_{$", [(0.5, 0.4, 0.2)])
    plot_confusion("$x_{$", np.eye(7, dtype=int).tolist(), LABELS)
    plot_means({"w$x_{$y": [(0.5, (0.4, 0.6))] * 7}, LABELS, "$_{")


def test_means_are_on_one_scale_and_intervals_are_spoken_of_only_where_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr("fercli.plots._png", drawn.append)
    plot_means({"one": [(0.01 * (number + 1), None) for number in range(7)]}, LABELS, "week")
    plot_means({"one": [(0.5, (0.4, 0.6))] * 7}, LABELS, "week")
    assert len({panel.get_xlim() for panel in drawn[0].axes}) == 1
    assert drawn[0].axes[0].get_xlim()[0] == 0
    assert drawn[0].axes[0].get_xlim()[1] >= 7  # of the last panel, in percent
    assert ["interval" in figure.get_supxlabel() for figure in drawn] == [False, True]
    assert not any(line.get_clip_on() for line in drawn[0].axes[0].lines)


def test_a_figure_that_cannot_be_drawn_is_told() -> None:
    with pytest.raises(NotDrawn, match="cannot be drawn"):
        plot_reliability("x", [])


@pytest.mark.parametrize("content", [b"text.usetex: True\n", b"\xff\xfe no settings", b"backend: nonsense\n"])
def test_promise_22_settings_in_the_current_folder_are_not_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "matplotlibrc").write_bytes(content)
    code = "import os, fercli.plots as p, matplotlib as m; print(m.rcParams['text.usetex'], os.getcwd())"
    child = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert child.stdout.split() == ["False", str(tmp_path)], child.stderr
