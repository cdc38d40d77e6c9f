"""Writes the report of a study: results.csv, report.html, report.md and figures."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jinja2

from keras_mixers.atomic_files import write_atomically
from keras_mixers.printable import printable
from training.comparison.context import Facts, published_variants, read_facts
from training.comparison.figures import draw_figures, render
from training.comparison.outcomes import Outcome, results_csv
from training.comparison.speed import Speed
from training.comparison.summary import (
    ArmSummary,
    accuracy_text,
    answer,
    difference_text,
    millions_text,
    summarise,
)
from training.study import Series

HTML_FILE, MARKDOWN_FILE, RESULTS_FILE, FIGURES = (
    "report.html",
    "report.md",
    "results.csv",
    "figures",
)


@dataclass(frozen=True)
class Subject:
    """What a report is about.

    Attributes:
        title: its heading.
        question: what was asked.
        command: what makes the same study again.
        recipe: the recipe as JSON text; "": there are several.
        limits: what can't be said, in sentences.
        series: arms that figures draw as a line.
    """

    title: str
    question: str
    command: str
    recipe: str = ""
    limits: tuple[str, ...] = ()
    series: tuple[Series, ...] = ()


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Attributes:
        folder: where it is.
        arms: a row for each arm.
        answer: the answer, in sentences.
    """

    folder: Path
    arms: tuple[ArmSummary, ...]
    answer: tuple[str, ...]

    @property
    def failed(self) -> list[Outcome]:
        """The runs that failed."""
        return [each for arm in self.arms for each in arm.outcomes if each.status == "failed"]

    @property
    def unfinished(self) -> list[Outcome]:
        """The runs that are neither finished nor failed."""
        return [each for arm in self.arms for each in arm.outcomes if each.status == "not finished"]


def write_report(
    subject: Subject,
    outcomes: Sequence[Outcome],
    folder: Path,
    speeds: Mapping[str, Speed] = MappingProxyType({}),
) -> Report:
    """Write the report of runs into a folder; each file is replaced as a whole.

    Args:
        subject: what the report is about.
        outcomes: the runs, the base's first.
        folder: a folder that exists.
        speeds: how fast arms are, by label.

    Raises:
        ValueError: if a file of a run is damaged.
        OSError: if the folder can't be written into.
    """
    arms = summarise(outcomes)
    sentences = answer(arms)
    facts = read_facts(outcomes)
    drawn = draw_figures(arms, subject.series, speeds)
    (folder / FIGURES).mkdir(exist_ok=True)
    pictures = []
    for name, (caption, figure) in drawn.items():
        files = {kind: render(figure, kind) for kind in ("png", "svg")}
        for kind, content in files.items():
            _write(folder / FIGURES / f"{name}.{kind}", content)
        address = base64.b64encode(files["svg"]).decode("ascii")
        pictures.append({"name": name, "caption": caption, "svg": address})
    values = _values(subject, arms, sentences, facts)
    values["figures"] = pictures
    values["rows"] = [_row(arm, speeds.get(arm.label)) for arm in arms]
    _write(folder / RESULTS_FILE, results_csv(outcomes).encode())
    _write(folder / MARKDOWN_FILE, _fill("report.md.jinja", values).encode())
    _write(folder / HTML_FILE, _fill("report.html.jinja", values).encode())
    return Report(folder, tuple(arms), tuple(sentences))


def _values(
    subject: Subject, arms: Sequence[ArmSummary], sentences: Sequence[str], facts: Facts
) -> dict[str, Any]:
    outcomes = [outcome for arm in arms for outcome in arm.outcomes]
    return {
        "subject": subject,
        "answer": sentences,
        "base": arms[0].label,
        "tested": sum(arm.p is not None for arm in arms),
        "images": max((each.images for arm in arms for each in arm.measured), default=0),
        "problems": [_problem(each) for each in outcomes if each.status != "finished"],
        "facts": {"Machine": facts.machine, "Versions": facts.versions, "Data": facts.data},
        "addresses": ", ".join(dict.fromkeys(each.recipe.data for each in outcomes)),
        "published": published_variants(outcomes),
    }


def _row(arm: ArmSummary, speed: Speed | None) -> Mapping[str, str]:
    finished = len(arm.measured)
    return {
        "arm": arm.label,
        "parameters": "-" if arm.parameters is None else f"{arm.parameters:,}",
        "multiply_adds": millions_text(arm.multiply_adds),
        "training": _speed_text(speed, "training"),
        "inference": _speed_text(speed, "inference"),
        "memory": "-" if arm.peak_memory is None else f"{arm.peak_memory / 1e6:,.0f}",
        "runs": f"{finished} of {len(arm.outcomes)}",
        "top1": accuracy_text(arm.accuracy),
        "difference": difference_text(arm.difference),
        "p": "-" if arm.p is None else f"{arm.p:.3f}" if arm.p >= 0.001 else "< 0.001",
        "verdict": arm.verdict,
    }


def _speed_text(speed: Speed | None, kind: str) -> str:
    return "-" if speed is None else f"{speed.images_per_second(kind):,.0f}"


def _problem(outcome: Outcome) -> str:
    reason = f": {outcome.reason}" if outcome.reason else ""
    return printable(f"{outcome.arm}, seed {outcome.seed}, {outcome.status}{reason}")


def _fill(name: str, values: Mapping[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=jinja2.select_autoescape(("html.jinja",), default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = _cell
    return environment.get_template(name).render(values)


def _cell(text: object) -> str:
    r"""Return a text as Markdown that means nothing but the text, also in a table.

    >>> print(_cell("a|b <c> *d*"))
    a\|b &lt;c&gt; \*d\*
    """
    escaped = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{letter}" if letter in r"\`*_[]|#" else letter for letter in escaped)


def _write(path: Path, content: bytes) -> None:
    with write_atomically(path, overwrite=True) as place:
        place.write_bytes(content)
