"""The documentation builds without a warning, shows outputs, and loads nothing from another computer."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import boxnb

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / ".docs"))

import build  # noqa: E402
import public_names  # noqa: E402
from documented import EXECUTED  # noqa: E402


@pytest.fixture
def site(documentation: Path) -> Path:
    """The folder of the built pages."""
    return documentation


def page(site: Path, name: str) -> str:
    """Return the HTML of one page."""
    return (site / name).read_text(encoding="utf-8")


def test_every_notebook_and_guide_has_a_page(site: Path) -> None:
    """The site contains each notebook and each guide at the place that it has in the repository."""
    sources = [*build.paths(), *(ROOT / "notebooks/guides").glob("*.md")]
    assert len(sources) > 20
    for source in sources:
        assert (site / source.relative_to(ROOT).with_suffix(".html")).exists(), source


def test_every_guide_is_in_the_contents(site: Path) -> None:
    """The page of guides links to each guide; Sphinx reports a page that no table of contents lists."""
    text = page(site, "guides.html")
    for guide in (ROOT / "notebooks/guides").glob("*.md"):
        assert f'href="notebooks/guides/{guide.stem}.html"' in text


def test_executed_notebooks_show_their_outputs(site: Path) -> None:
    """The pages show the DataFrame, the card, and the panel's plain fallback instead of a widget."""
    start, onboarding = (
        page(site, f"notebooks/{Path(name).with_suffix('.html').as_posix()}") for name in EXECUTED
    )
    assert "Bo Nakamura" in start and "Ada Lindqvist" in start
    assert re.search(r"\(120, \d+\)", onboarding)
    for text in (start, onboarding):
        assert "widget-view" not in text
    assert "the sign-in panel appears here" in onboarding


def test_pages_contain_no_secret(site: Path) -> None:
    """No page contains text in the form of a refresh token, an access token, or a code."""
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        for length in (64, 32):  # a hash has only hexadecimal digits
            assert not re.search(rf"\b(?![0-9a-f]{{{length}}}\b)[A-Za-z0-9]{{{length}}}\b", text), file


def test_every_public_name_is_documented_once(site: Path) -> None:
    """Each public name leads to one entry in the reference, with a text."""
    entries = re.findall(
        r'<dt class="sig sig-object py[^"]*" id="(boxnb\.[\w.]+)"', "".join(map(str, _api(site)))
    )
    assert len(entries) == len(set(entries))
    homes = public_names.homes()
    assert len(homes) > 150
    assert set(homes.values()) <= set(entries)
    for home in set(homes.values()):
        value = getattr(importlib.import_module(home.rpartition(".")[0]), home.rpartition(".")[2])
        assert not (inspect.isclass(value) or inspect.isroutine(value)) or value.__doc__, home


def _api(site: Path) -> list[str]:
    return [file.read_text(encoding="utf-8") for file in (site / "api").glob("*.html")]


def test_every_public_module_has_a_page() -> None:
    """The list of public modules contains each module that ``boxnb`` exports."""
    exported = {name for name in [*boxnb.__all__, "sdk"] if isinstance(getattr(boxnb, name), ModuleType)}
    assert {f"boxnb.{name}" for name in exported} <= set(public_names.MODULES)


def test_columns_of_a_table_are_listed_where_a_docstring_refers_to_them(site: Path) -> None:
    """``Columns of INACTIVE`` in the reference is a link to the names and dtypes of those columns."""
    assert 'href="columns.html#boxnb.reports.people.INACTIVE"' in page(site, "api/boxnb.reports.html")
    assert "days_quiet" in page(site, "api/columns.html")


def test_no_page_loads_anything_from_another_computer(site: Path) -> None:
    """Scripts, styles, fonts and images are files of the site, and every link between pages leads somewhere."""
    assert build.problems(site) == []


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ('<script src="https://cdn.example.com/x.js"></script>', "loads https://cdn.example.com/x.js"),
        ('<link rel="stylesheet" href="//fonts.example.com/a.css">', "loads //fonts.example.com/a.css"),
        ("<style>@import 'https://example.com/a.css'</style>", "loads https://example.com/a.css"),
        ('<img src="missing.png">', "which does not exist"),
        ('<a href="missing.html">x</a>', "links to missing.html, which does not exist"),
        ('<a href="#nowhere">x</a>', "has no such anchor"),
    ],
)
def test_a_broken_page_is_found(tmp_path: Path, html: str, problem: str) -> None:
    """The check of the built pages finds each kind of problem that it is for."""
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    found = build.problems(tmp_path)
    assert len(found) == 1 and problem in found[0]


def test_a_link_in_prose_is_allowed(tmp_path: Path) -> None:
    """A reader may follow a link to another site; only what a page loads by itself is a problem."""
    (tmp_path / "page.html").write_text('<a href="https://example.com/">x</a>', encoding="utf-8")
    assert build.problems(tmp_path) == []


def test_search_finds_guides_and_names(site: Path) -> None:
    """The index is a script, which a page opened as a file may load, and contains words of guides and public names."""
    assert "searchindex.js" in page(site, "search.html")
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    for word in ("jupyterhub", "ownership_of_leavers", "revok"):
        assert word in index, word
