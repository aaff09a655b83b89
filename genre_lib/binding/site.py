"""Render published results as a static site: an index, the reports, and the model cards."""

import contextlib
import io
import re
import shutil
from pathlib import Path

from genre_lib.binding.rendering import Document, render_html
from genre_lib.binding.report import SUBTITLE, TITLE, make_report
from genre_lib.display import escape_markdown, pipe_table
from genre_lib.files import ROOT, scratch_folder, whole_file
from genre_lib.results.headline import summarize
from genre_lib.workspace.published import open_published
from genre_lib.workspace.publishing import FACTS, PublicationError

_YAML_HEAD = re.compile(r"\A---\n.*?\n---\n", flags=re.DOTALL)
_TITLE = re.compile(r"^# +(.+)\n", flags=re.MULTILINE)
_BEFORE_TITLE = '<header class="title-page">\n'


def make_site(published=ROOT / "report" / "published", out="report/build/site"):
    """Render all results below a folder as static pages in `out`, and return the index.

    Links are relative, and no page loads anything from elsewhere. The folder `out` may hold other
    files. The notebooks that were executed stay beside it, for the next call.
    """
    published, out = (Path(path).expanduser().resolve() for path in (published, out))
    folders = [path.parent for path in sorted(published.glob(f"*/{FACTS}"))]
    if not folders:
        raise PublicationError(
            f"{published}: contains no published results. Expected a folder per publication, as "
            "written by make publish."
        )
    sections = []
    for folder in folders:
        place = out / folder.name
        with contextlib.redirect_stdout(io.StringIO()):  # it suggests what to do after a report
            page, pdf = make_report(None, folder, out.with_name(f"{out.name}-reports") / place.name)
        _write(page.read_text(encoding="utf-8"), place / "index.html", "../index.html")
        shutil.copyfile(pdf, place / "report.pdf")
        cards = [_write_card(card, place, folder) for card in _find_cards(folder)]
        sections.append(_describe(open_published(folder), folder.name, cards))
    index = Document("\n\n".join(sections), TITLE, SUBTITLE, [], "")
    return _write(_render(index, out), out / "index.html")


def _find_cards(folder):
    return sorted(path for path in (folder / "networks").rglob("[!.]*.md") if path.is_file())


def _write_card(card, place, folder):
    """Render a model card beside a copy of its network, and return its title and address."""
    inside = card.relative_to(folder)
    name = "index.html" if card.name.lower() == "readme.md" else f"{card.stem}.html"
    target = place / inside.with_name(name)
    shutil.copytree(card.parent, target.parent, dirs_exist_ok=True)
    text = _YAML_HEAD.sub("", card.read_text(encoding="utf-8"))
    found = _TITLE.search(text)
    title = found[1].strip() if found else card.parent.name
    text = _TITLE.sub("", text, count=1)
    page = Document(text, title, folder.name, [], "", image_folders=[card.parent])
    _write(_render(page, target), target, "../" * len(inside.parts) + "index.html")
    return title, target.relative_to(place.parent).as_posix()


def _describe(workspace, name, cards):
    """Return the section of the index about some results."""
    genres, rows = workspace.genres, summarize(workspace).rows
    links = {"Report": f"{name}/index.html", "PDF": f"{name}/report.pdf"}
    links |= {f"Model card: {title}": address for title, address in cards}
    cells = [
        [label, *(str(row[key] or "-") for key in ("segments", "tracks", "test tracks"))]
        for label, row in rows.iterrows()
    ]
    header = ["training", "accuracy per segment", "per track", "test tracks"]
    return "\n\n".join(
        [
            f"# {escape_markdown(name)}",
            f"{len(workspace.tracks)} tracks of {len(genres)} genres "
            f"({escape_markdown(', '.join(genres))}), profile "
            f"*{escape_markdown(workspace.profile.name)}*. In brackets: 95% intervals.",
            pipe_table(header, cells, [False, True, True, True]),
            "\n".join(f"- [{escape_markdown(text)}](<{to}>)" for text, to in links.items()),
        ]
    )


def _render(document, beside):
    with scratch_folder(beside) as work:
        return render_html(document, ROOT / "report", work).read_text(encoding="utf-8")


def _write(page, path, home=None):
    if home:
        link = f'{_BEFORE_TITLE}<p class="date"><a href="{home}">All results</a></p>\n'
        page = page.replace(_BEFORE_TITLE, link, 1)
    with whole_file(path) as beside:
        beside.write_text(page, encoding="utf-8")
    return path
