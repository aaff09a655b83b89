"""Write the address of the repository wherever it is needed: ``make address URL=https://...``.

It goes into the first cell and the badge of each notebook, the badge of the README, pyproject.toml
and, where there is one, CITATION.cff. Without an address, that of git's remote ``origin`` is taken.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COLAB = "https://colab.research.google.com/github/"
FIRST = "01_data_exploration"

_GITHUB = re.compile(r"(?:https://github\.com/|git@github\.com:)([\w.-]+/[\w.-]+?)(?:\.git)?/?")
# In an .ipynb file, each quotation mark has a backslash before it.
_REPOSITORY = re.compile(r'(repository = \\?")[^"\\]*')
_BADGE = re.compile(rf'{COLAB}[^"\\)\s]*')
_URLS = re.compile(r"\n\[project\.urls\]\n(?:.+\n)*")


def find_address(given=""):
    """Return the https address of a GitHub repository and its ``owner/name``, or end with why."""
    if not given:
        call = ["git", "-C", ROOT, "remote", "get-url", "origin"]
        given = subprocess.run(call, capture_output=True, text=True).stdout.strip()
    if not (found := _GITHUB.fullmatch(given)):
        sys.exit(
            f"{given or 'no remote origin'}: expected the address of a GitHub repository, which is "
            "where Colab opens notebooks: make address URL=https://github.com/<owner>/<name>"
        )
    return f"https://github.com/{found[1]}", found[1]


def write_address(address, name, root=ROOT):
    """Write an address into the files of a project."""
    for path in [root / "README.md", *sorted((root / "notebooks").glob("*.*"))]:
        notebook = FIRST if path.name == "README.md" else path.stem
        text = _REPOSITORY.sub(rf"\g<1>{address}", path.read_text(encoding="utf-8"))
        text = _BADGE.sub(f"{COLAB}{name}/blob/main/notebooks/{notebook}.ipynb", text)
        path.write_text(text, encoding="utf-8", newline="\n")
    project = root / "pyproject.toml"
    text = _URLS.sub("", project.read_text(encoding="utf-8"))
    urls = f'\n[project.urls]\nRepository = "{address}"\n'
    text = text.replace("\n[project.scripts]\n", f"{urls}\n[project.scripts]\n", 1)
    project.write_text(text, encoding="utf-8", newline="\n")
    if (citation := root / "CITATION.cff").exists():
        text = re.sub("(?m)^repository-code: .*\n", "", citation.read_text(encoding="utf-8"))
        text = re.sub("(?m)^(version: .*\n)", rf"\g<1>repository-code: {address}\n", text)
        citation.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write_address(*find_address(*sys.argv[1:2]))
