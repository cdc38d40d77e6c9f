"""Pages of the site that stand outside docs/: the README is its front page."""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
    "CHANGELOG.md": "changelog.md",
}
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#|mailto:)([^)#\s]+)((?:#[^)]*)?)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside docs/, under their place on the site."""
    for source, place in PAGES.items():
        text = _at_site((ROOT / source).read_text(encoding="utf-8"), source)
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: object, config: MkDocsConfig, files: Files) -> str:
    """Turn links from docs/ to what stands outside it."""
    source = page.file.src_uri  # type: ignore[attr-defined]
    return markdown if source in PAGES.values() else _at_site(markdown, f"docs/{source}")


def _at_site(markdown: str, source: str) -> str:
    """Return the text of a file with links to files as links to pages."""
    folder = posixpath.dirname(PAGES.get(source, source.removeprefix("docs/")))

    def turn(link: re.Match[str]) -> str:
        text, address, anchor = link.groups()
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), address))
        if target not in PAGES and not target.startswith("docs/"):
            return text  # A file that the site doesn't have.
        place = PAGES.get(target, target.removeprefix("docs/"))
        return f"[{text}]({posixpath.relpath(place, folder or '.')}{anchor})"

    return _LINK.sub(turn, markdown)
