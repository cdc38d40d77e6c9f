"""Reports from runs that are there."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.helpers.runs import tiny
from tests.training.comparison.runs import STUDY, write_run, write_study
from training.compare import report_runs
from training.errors import RunFolderError

CSV = """\
arm,seed,status,top1,top5,loss,parameters,multiply_adds,epochs
Mixer,0,finished,0.900000,,0.100000,8000,2000000,2
Mixer,1,finished,0.901000,,0.099000,8000,2000000,2
Wide & $5 | <i>,0,finished,0.910000,,0.090000,16000,2000000,2
Wide & $5 | <i>,1,finished,0.911000,,0.089000,16000,2000000,2
Deep,0,finished,0.920000,,0.080000,8000,4000000,2
Deep,1,finished,0.921000,,0.079000,8000,4000000,2
"""


class Page(HTMLParser):
    """What a browser would find: names of elements, their attributes, and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("studies") / "widths"
    write_study(path)
    report_runs([path])
    return path


def test_results_are_a_row_for_each_run(folder: Path) -> None:
    assert (folder / "results.csv").read_text() == CSV


def test_the_page_needs_nothing_else_and_shows_names_as_text(folder: Path) -> None:
    page = Page((folder / "report.html").read_text())
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "b", "i"}
    addresses = [attributes["src"] for _, attributes in page.elements if "src" in attributes]
    assert len(addresses) == 4
    for address in addresses:
        assert address is not None
        kind, _, content = address.partition(",")
        assert kind == "data:image/svg+xml;base64"
        assert b"<svg" in base64.b64decode(content, validate=True)
    assert "Does <b>width</b> matter?" in page.texts
    assert "Wide & $5 | <i>" in page.texts
    values = [str(value) for _, attributes in page.elements for value in attributes.values()]
    assert not any(value.startswith(("http", "//")) for value in values)


def test_the_answer_stands_first_and_the_rest_is_there(folder: Path) -> None:
    page = Page((folder / "report.html").read_text())
    texts = [text for text in page.texts if text]
    position = texts.index("Does <b>width</b> matter?")
    assert texts[position + 1].startswith("Deep has the highest mean top-1 accuracy, 92.05 % ± ")
    assert texts[position + 4] == "Results"
    for text in (
        *("Nothing follows.", "a processor", "1433", "3.15", "mixer_b16", "76.44"),
        "keras-mixers compare study.json --seeds 2",
        "MLP-Mixer paper, table 3, trained on ImageNet-1k",
    ):
        assert text in texts
    assert any("corrected by Holm's method for 2 tests" in text for text in texts)


def test_markdown_has_the_same_rows(folder: Path) -> None:
    rows = [
        line for line in (folder / "report.md").read_text().splitlines() if line.startswith("| ")
    ]
    assert rows[1].startswith("| Mixer | 90.05 % ± ")
    assert rows[1].endswith(" | - | - | base | 2 of 2 | 8,000 | 2.00 | - | - | 1,001 |")
    assert rows[2].startswith(r"| Wide &amp; $5 \| &lt;i&gt; | 91.05 % ± ")
    # All rows of the first table have as many cells, whatever a label holds.
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows[:4]} == {12}
    for name in re.findall(r"\]\((figures/[\w-]+\.svg)\)", (folder / "report.md").read_text()):
        assert (folder / name).is_file()
        assert (folder / name).with_suffix(".png").read_bytes()[1:4] == b"PNG"


def test_the_same_runs_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_study(tmp_path / "again")
    report_runs([tmp_path / "again"])
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in (".csv", ".md", ".html", ".png", ".svg"):
            same = tmp_path / "again" / path.relative_to(folder)
            assert same.read_bytes() == path.read_bytes(), path.name


def test_missing_and_failed_runs_are_named(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    (folder.path / "runs/deep-seed1/result.json").unlink()
    (folder.path / "runs/mixer-seed1/result.json").unlink()
    (folder.path / "runs/mixer-seed1.log").write_text("epoch 1\nerror: No \x1b[2Jmemory.\n")
    report = report_runs([folder.path])
    assert [(each.arm, each.reason) for each in report.failed] == [("Mixer", "No \x1b[2Jmemory.")]
    assert [each.arm for each in report.unfinished] == ["Deep"]
    page = (folder.path / "report.html").read_text()
    assert r"Mixer, seed 1, failed: No \x1b[2Jmemory." in page
    assert "Deep, seed 1, not finished" in page
    assert "Deep,1,not finished,,,,,," in (folder.path / "results.csv").read_text()


def test_no_finished_run_is_a_report_too(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    for result in folder.path.rglob("result.json"):
        result.unlink()
    report = report_runs([folder.path])
    assert report.answer == ("No run is finished, so there is no answer yet.",)


def test_several_studies_and_runs_are_one_table(folder: Path, tmp_path: Path) -> None:
    for seed in range(2):
        write_run(tmp_path / f"mine{seed}", tiny(name="mine", seed=seed), 0.95)
    write_run(tmp_path / "other", tiny(name="mine", epochs=3), 0.96)
    places = [folder, tmp_path / "mine0", tmp_path / "mine1", tmp_path / "other"]
    report = report_runs(places, tmp_path / "out")
    assert [arm.label for arm in report.arms] == [
        *(f"widths: {arm.label}" for arm in STUDY.arms),
        *("mine", "mine (other)"),
    ]
    assert report.arms[3].by_seed() == {0: 0.95, 1: 0.95}
    assert (tmp_path / "out/report.html").is_file()


def test_what_can_not_be_reported_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="add --out"):
        report_runs([tmp_path])
    with pytest.raises(RunFolderError, match="add --out"):
        report_runs([folder, folder])
    with pytest.raises(RunFolderError, match="holds neither a study nor a run"):
        report_runs([tmp_path], tmp_path)
    with pytest.raises(RunFolderError, match="hold the same run"):
        report_runs([folder, folder], tmp_path)
    write_run(tmp_path / "run", tiny(), 0.5)
    (tmp_path / "run/result.json").write_text('{"accuracy": 2}')
    with pytest.raises(ValueError, match=r"result\.json is not the result of a run; accuracy must"):
        report_runs([tmp_path / "run"], tmp_path)
    write_run(tmp_path / "log", tiny(), 0.5)
    (tmp_path / "log/log.csv").write_text("epoch\n1\n")
    with pytest.raises(ValueError, match=r"log\.csv is not the log of a run"):
        report_runs([tmp_path / "log"], tmp_path)
