"""CITATION.cff says what pyproject.toml and the README say."""

import re
import tomllib
from pathlib import Path

import anl_edu

ROOT = Path(__file__).parents[1]
CFF = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_version_and_authors_are_the_package_s() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert re.findall(r"^version: (.+)$", CFF, re.MULTILINE) == [anl_edu.__version__]
    assert re.findall(r"^  - name: (.+)$", CFF, re.MULTILINE) == [
        author["name"] for author in project["authors"]
    ]


def test_papers_are_the_readme_s() -> None:
    identifiers = re.findall(r"arXiv:\d+\.\d+(?:v\d)?", README.split("## Citing")[1])
    assert identifiers == re.findall(r'value: "(arXiv:[^"]+)"', CFF)
    titles = re.findall(r"(?m)^  title *= \{(.+)\},", README.split("## Citing")[1])
    known = re.findall(r'^    title: "?([^"\n]+)"?$', CFF, re.MULTILINE)
    assert [title.replace("$\\epsilon$", "eps") for title in titles] == known
