"""Make codemeta.json from CITATION.cff: ``python -m tests.citation``."""

import json
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def make_codemeta():
    """Return what codemeta.json has to hold."""
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    return {
        "@context": "https://w3id.org/codemeta/3.0",
        "@type": "SoftwareSourceCode",
        "name": cff["title"],
        "description": cff["abstract"].strip(),
        "version": cff["version"],
        "license": f"https://spdx.org/licenses/{cff['license']}",
        "author": [_person(author) for author in cff["authors"]],
        "keywords": cff["keywords"],
        "programmingLanguage": "Python",
        "referencePublication": [_work(work) for work in cff["references"]],
    }


def _person(author):
    if "name" in author:
        return {"@type": "Organization", "name": author["name"]}
    names = {"givenName": author["given-names"], "familyName": author["family-names"]}
    return {"@type": "Person", **names}


def _work(work):
    return {
        "@type": "ScholarlyArticle",
        "@id": f"https://doi.org/{work['doi']}" if "doi" in work else work["url"],
        "name": work["title"].strip(),
        "author": [_person(author) for author in work["authors"]],
        "datePublished": str(work["year"]),
    }


def _text():
    return json.dumps(make_codemeta(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    (ROOT / "codemeta.json").write_text(_text(), encoding="utf-8")
