"""Turn executed notebooks into one pandoc Markdown document, then one HTML page and one PDF.

The metadata set by `genre_lib.display` says whether an output is a figure, a table or a sentence.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from genre_lib.binding.rendering import BindingError, Document, render_html, render_pdf
from genre_lib.display import pipe_table, png_size
from genre_lib.files import scratch_folder

_CODE_STAYS_OUT = {"hide-code", "parameters", "injected-parameters"}
_MADE_FROM_LINES = 4
_ANSI_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_WIDGET = "application/vnd.jupyter.widget-view+json"
_TEXT_WIDTH_PIXELS = 720  # a figure of this displayed width fills the line
_TALLEST = 1.25  # height of a figure, in text widths: its caption still fits on the A4 page


def bind(notebooks, out_dir, *, provenance, template_dir, abstract=(), figure=None, **title_page):
    """Make ``report.html`` and ``report.pdf`` in `out_dir` from executed notebooks.

    Page one shows the paragraphs of the abstract, in Markdown, and a figure: PNG, caption and runs.

    Cells tagged ``notebook-only`` are left out. Code is folded in the HTML page and left out of the
    PDF; the tag ``hide-code`` (and those of papermill's parameter cells) leaves it out of both.
    Outputs without a role are left out unless the cell is tagged ``keep-output``. The same input
    gives the same bytes.
    """
    if not notebooks:
        raise ValueError("expected at least one executed notebook to bind, got none")
    notebooks, out_dir = [Path(notebook).resolve() for notebook in notebooks], out_dir.resolve()
    with scratch_folder(out_dir / "binding") as work:
        builder = _Builder(work)
        front = builder.front_matter(abstract, figure)
        for notebook in notebooks:
            builder.add_notebook(notebook)
        builder.add_back_matter(provenance)
        document = Document(
            markdown="\n\n".join(builder.blocks) + "\n",
            html_outputs=builder.html_outputs,
            image_folders=[notebook.parent for notebook in notebooks],
            made_from=provenance[:_MADE_FROM_LINES],
            abstract=front,
            **title_page,
        )
        html = render_html(document, template_dir, work)
        pdf = render_pdf(document, template_dir, work)
        return html.replace(out_dir / "report.html"), pdf.replace(out_dir / "report.pdf")


@dataclass
class _Builder:
    """The Markdown blocks of the report, in order; images go into ``work/figures``."""

    work: Path
    blocks: list[str] = field(default_factory=list)
    html_outputs: list[str] = field(default_factory=list)
    n_images: int = 0

    def front_matter(self, paragraphs, figure) -> str:
        """Return the content of the first page below the title."""
        blocks = list(paragraphs)
        if figure:
            png, caption, runs = figure
            data, metadata = {"image/png": base64.b64encode(png)}, {"genre_lib": {"runs": runs}}
            blocks.append(self._figure(data, caption, metadata, "page 1"))
        return "\n\n".join([*blocks, ""])  # a block must end on a line of its own

    def add_notebook(self, path: Path) -> None:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: expected an executed notebook, found no file")
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells, start=1):
            tags = set(cell.metadata.get("tags", []))
            where = f"{path.name}, cell {number}"
            if cell.cell_type == "code":
                _refuse_errors(cell, where)
            if "notebook-only" in tags:
                continue
            if cell.cell_type == "markdown":
                self.blocks.append(cell.source)
            elif cell.cell_type == "code":
                if cell.source.strip() and not tags & _CODE_STAYS_OUT:
                    self.blocks.append(_code_block(cell.source, "{.python .folded}"))
                for output in _merged_streams(cell.outputs):
                    self.blocks.extend(self._output(output, "keep-output" in tags, where))

    def add_back_matter(self, provenance) -> None:
        if not any("{#refs}" in block for block in self.blocks):
            heading = "# References & Bibliography {#references-bibliography .unnumbered}"
            self.blocks.append(f"{heading}\n\n::: {{#refs}}\n:::")
        if provenance:
            rows = [[str(name), str(value)] for name, value in provenance]
            table = pipe_table(["What", "Value"], rows, [False, False])
            self.blocks.append(f"# Provenance {{#provenance .unnumbered}}\n\n{table}")

    def _output(self, output, keep: bool, where: str) -> Iterator[str]:
        if output.output_type == "stream":
            if keep and (text := _terminal_text(output.text)):
                yield _code_block(text, "{.output}")
            return
        mark = output.metadata.get("genre_lib", {})
        role = mark.get("role")
        # On one line: a caption must not end the block around it.
        caption = " ".join(mark.get("caption", "").split())
        if role == "figure":
            yield self._figure(output.data, caption, output.metadata, where)
        elif role == "table":
            if "text/markdown" not in output.data:
                raise BindingError(f"{where}: a table output has no text/markdown; run it again")
            content = f"{caption}\n\n{output.data['text/markdown']}"
            yield _div("table-output", content, _runs_attribute(mark))
        elif role == "text":
            yield output.data["text/markdown"]
        elif role is None and keep and _WIDGET not in output.data:
            yield from self._kept(output, where)

    def _kept(self, output, where: str) -> Iterator[str]:
        """Yield what a reader of the notebook sees of an output without a role."""
        data = output.data
        plain = _code_block(_terminal_text(data.get("text/plain", "")), "{.output}")
        if "text/html" in data:
            _refuse_network(data["text/html"], where)
            self.html_outputs.append(data["text/html"])
            yield f"::: {{.html-output number={len(self.html_outputs) - 1}}}\n:::"
            if "<audio" not in data["text/html"]:
                yield _div("pdf-only", plain)
        elif "image/png" in data:
            yield self._figure(data, "", output.metadata, where)
        elif "text/markdown" in data:
            yield data["text/markdown"]
        elif "text/plain" in data:
            yield plain

    def _figure(self, data, caption: str, metadata, where: str) -> str:
        try:
            png = base64.b64decode(data["image/png"])
            pixels_wide, pixels_high = png_size(png)
        except (KeyError, ValueError) as error:
            raise BindingError(f"{where}: a figure output has no PNG image ({error})") from error
        self.n_images += 1
        image = self.work / "figures" / f"{self.n_images:03d}.png"
        image.parent.mkdir(exist_ok=True)
        image.write_bytes(png)
        shown = metadata.get("image/png", {}).get("width", pixels_wide)
        mark = metadata.get("genre_lib", {})
        width = min(1.0, shown / _TEXT_WIDTH_PIXELS, _TALLEST * pixels_wide / pixels_high)
        source = image.relative_to(self.work).as_posix()
        attributes = f' src="{source}" width="{width:.1%}"'
        return _div("figure-output", caption, attributes + _runs_attribute(mark))


def _refuse_errors(cell, where: str) -> None:
    for output in cell.outputs:
        if output.output_type == "error":
            first_line = cell.source.strip().partition("\n")[0]
            raise BindingError(
                f"{where}, which begins with {first_line!r}, ended in "
                f"{output.ename}: {output.evalue}; "
                "fix the notebook and run it again before binding the report"
            )


def _refuse_network(markup: str, where: str) -> None:
    loads = re.search(
        r"""(?:\b(?:src|srcset|poster|data)\s*=\s*["']?|<link\b[^>]*\bhref\s*=\s*["']?|"""
        r"""url\(\s*["']?|@import\s+["'])\s*((?:https?:)?//[^\s"'>)]*)""",
        markup,
        re.IGNORECASE,
    )
    if loads:
        raise BindingError(
            f"{where}: the kept HTML output loads {loads[1]} from the network, but the report "
            "must be self-contained: embed the data, or remove the tag keep-output"
        )


def _merged_streams(outputs):
    """Join successive outputs of the same stream into one text, as on the screen."""
    merged = []
    for output in map(nbformat.from_dict, outputs):
        before = merged[-1] if merged else {}
        if output.output_type == "stream" and output.name == before.get("name"):
            before.text += output.text
        else:
            merged.append(output)
    return merged


def _terminal_text(text: str) -> str:
    r"""Return what a terminal shows in the end: no colour codes, each line after its last \r."""
    lines = _ANSI_ESCAPE.sub("", text).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines).strip("\n")


def _code_block(text: str, attributes: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{attributes}\n{text}\n{fence}"


def _runs_attribute(mark) -> str:
    return f' runs="{" ".join(mark.get("runs", []))}"'


def _div(role: str, content: str, attributes: str = "") -> str:
    return f":::::: {{.{role}{attributes}}}\n{content}\n::::::"
