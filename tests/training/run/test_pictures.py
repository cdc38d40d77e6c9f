import sys

import numpy as np
import pytest
from PIL import Image

from training.run import pictures
from training.run.pictures import save_curves, save_samples

LOG = """epoch,learning_rate,loss,top1,top5,val_loss,val_top1
0,0.1,2.0,0.25,0.5,1.5,0.5
1,0.2,1.0,0.5,0.75,,
2,0.05,0.5,0.75,1.0,nan,0.875
"""


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    return path


@pytest.fixture
def figures(monkeypatch):
    """Figures, as they are when they are saved."""
    saved = []
    save = pictures._save
    monkeypatch.setattr(pictures, "_save", lambda f, *rest: saved.append(f) or save(f, *rest))
    return saved


def lines(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}


def test_curves_are_those_of_the_log(log, figures):
    save_curves(log, log.with_name("curves.png"))
    (figure,) = figures
    loss, top1, rate = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["loss", "top-1", "learning rate"]
    # Epoch 1 was not measured; the loss of epoch 2 was no number.
    assert lines(loss) == {
        "training": [[0, 2.0], [1, 1.0], [2, 0.5]],
        "validation": [[0, 1.5]],
    }
    assert lines(top1) == {
        "training": [[0, 0.25], [1, 0.5], [2, 0.75]],
        "validation": [[0, 0.5], [2, 0.875]],
    }
    assert lines(rate) == {"learning rate": [[0, 0.1], [1, 0.2], [2, 0.05]]}
    assert top1.yaxis.get_major_formatter()(0.5, 0) == "50 %"
    with Image.open(log.with_name("curves.png")) as picture:
        assert picture.size == (1320, 408)
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 20  # Something is drawn.


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"log\.csv has no column 'epoch'; expected epoch, learning_rate, loss, val_loss"),
        (LOG.replace("val_top1", "val_acc"), r"log\.csv has no column 'val_top1'; expected epoch"),
        (LOG.splitlines()[0], r"log\.csv has no rows; expected one for each epoch\."),
        (LOG.replace("0.25", "good"), r"log\.csv has a cell that isn't a number \(.*'good'\)"),
    ],
)
def test_logs_that_hold_no_curves(log, text, said):
    log.write_text(text)
    with pytest.raises(ValueError, match=said):
        save_curves(log, log.with_name("curves.png"))
    assert [path.name for path in log.parent.iterdir()] == ["log.csv"]


def test_a_row_that_is_cut_short_is_drawn_as_far_as_it_goes(log, figures):
    log.write_text(f"{LOG}3,0.01,0.4")
    save_curves(log, log.with_name("curves.png"))
    assert lines(figures[0].axes[0])["training"][-1] == [3, 0.4]
    assert lines(figures[0].axes[1])["training"][-1] == [2, 0.75]


def test_a_log_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no log '.*log\.csv'"):
        save_curves(tmp_path / "log.csv", tmp_path / "curves.png")


def test_pictures_are_written_whole_or_not_at_all(log, monkeypatch):
    path = log.with_name("curves.png")
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="exists; pass overwrite=True"):
        save_curves(log, path)
    save_curves(log, path, overwrite=True)
    before = path.read_bytes()
    assert before[1:4] == b"PNG"

    def cut_short(figure, place):
        place.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", cut_short)
    with pytest.raises(OSError, match="no space left"):
        save_curves(log, path, overwrite=True)
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in log.parent.iterdir()) == ["curves.png", "log.csv"]


def test_an_unknown_format_leaves_nothing(log):
    with pytest.raises(ValueError, match="'xyz' is not supported"):
        save_curves(log, log.with_name("curves.xyz"))
    assert [path.name for path in log.parent.iterdir()] == ["log.csv"]


def test_matplotlib_may_be_missing(log, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"not installed: pip install 'keras-mixers\[visualiz"):
        save_curves(log, log.with_name("curves.png"))
    with pytest.raises(ImportError, match=r"not installed: pip install 'keras-mixers\[visualiz"):
        save_samples([(np.zeros((1, 2, 2, 1)), np.eye(1))], ["cat"], log.with_name("s.png"))


def test_samples_are_clipped_and_named(tmp_path, figures, caplog):
    images = np.zeros((4, 2, 2, 3), "float32")
    images[0] = 300
    images[1] = -40
    images[2, 0, 0] = 51
    labels = np.array([[1, 0, 0], [0, 0.3, 0.7], [0.998, 0.001, 0.001], [0.2, 0.45, 0.35]])
    names = ["cat", "a rather long name of a dog", "$\\x$ bill"]
    save_samples(iter([(images, labels)]), names, tmp_path / "samples.png")
    (figure,) = figures
    drawn = [axes.get_images()[0].get_array() for axes in figure.axes]
    assert [float(pixels.max()) for pixels in drawn] == pytest.approx([1, 0, 0.2, 0])
    assert [float(pixels.min()) for pixels in drawn] == [1, 0, 0, 0]
    assert [axes.get_title() for axes in figure.axes] == [
        "cat",
        "$\\x$ bill 70 %\na rather long… 30 %",
        "cat",
        "a rather long… 45 %\n$\\x$ bill 35 %",
    ]
    assert (tmp_path / "samples.png").read_bytes()[1:4] == b"PNG"
    assert caplog.text == ""  # matplotlib clips too, and complains.


def test_a_sheet_has_32_images_and_one_channel_is_grey(tmp_path, figures):
    images, labels = np.full((70, 8, 8, 1), 128.0), np.eye(2)[np.arange(70) % 2]
    save_samples([(images, labels)], ["a", "b"], tmp_path / "samples.png")
    assert len(figures[0].axes) == 32
    drawn = figures[0].axes[0].get_images()[0]
    assert (drawn.get_cmap().name, drawn.get_clim()) == ("gray", (0, 1))


def test_sheets_without_rows_to_fill_have_no_empty_frames(tmp_path, figures):
    images, labels = np.zeros((9, 4, 4, 3)), np.eye(9)
    save_samples([(images, labels)], list("abcdefghi"), tmp_path / "samples.png")
    assert len(figures[0].axes) == 9


def test_samples_that_can_not_be_drawn(tmp_path):
    path = tmp_path / "samples.png"
    with pytest.raises(ValueError, match="There is no batch of images to draw"):
        save_samples([], ["a"], path)
    with pytest.raises(ValueError, match=r"class_names must hold 2 names, .*; received 1"):
        save_samples([(np.zeros((1, 2, 2, 1)), np.eye(2)[:1])], ["a"], path)
    assert list(tmp_path.iterdir()) == []
