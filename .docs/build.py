"""Build the documentation: ``python .docs/build.py OUTPUT [--execute PATTERN ...]``.

The sources are written to a folder next to the output: notebooks executed against the sandbox, guides, and pages of the
public names. Sphinx turns them into pages; every warning is an error. At the end, every link and every address in the pages
is checked: links between pages must lead somewhere, and no page may load anything from another computer.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import shutil
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT), str(ROOT / "tests/support")]

import nbformat  # noqa: E402
import public_names  # noqa: E402
from executed import FOLDER, executed, paths  # noqa: E402
from sphinx.cmd.build import build_main  # noqa: E402

from boxnb.labs.slides import WIDGET  # noqa: E402

CHAPTERS = {
    "1-onboard": "Onboard",
    "2-explore": "Explore",
    "3-teach": "Teach",
    "4-automate": "Automate",
}
SECTIONS = {
    "boxnb.frames.schema": "Datasets",
    "boxnb.datasets.sharing": "Shared links",
    "boxnb.signin.status": "Status of the profiles",
    "boxnb.reports.people": "Reports about people",
    "boxnb.reports.enterprise": "Reports about the whole enterprise",
    "boxnb.reports.sharing": "Reports about sharing",
    "boxnb.reports.storage": "Reports about storage",
    "boxnb.reports.activity": "Reports about activity",
    "boxnb.reports.permissions": "Reports about access",
}
"""Headings for the modules that name columns."""

ELSEWHERE = {
    "../../CHANGELOG.md": "../../changes.md",
    "../../.github/SECURITY.md": "../../security-policy.md",
}
"""Links in guides to files that are somewhere else in the documentation."""

PANEL = "*In JupyterLab, the sign-in panel appears here. It needs a kernel, so this page cannot show it.*"

LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
"""Elements that load something, and the attribute with its address."""


def write_sources(folder: Path, patterns: list[str]) -> None:
    """Write the sources of all pages. Notebooks whose path matches none of the patterns are not executed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for page in HERE.glob("*.md"):
        shutil.copy(page, folder)
    shutil.copytree(HERE / "pictures", folder / "pictures")
    _write_guides(folder)
    _write_notebooks(folder, patterns)
    _write_api(folder / "api")


def _write_guides(folder: Path) -> None:
    target = folder / "notebooks/guides"
    target.mkdir(parents=True)
    for guide in sorted((FOLDER / "guides").glob("*.md")):
        text = guide.read_text(encoding="utf-8").replace("```bash\n", "```console\n")
        for link, other in ELSEWHERE.items():
            text = text.replace(f"]({link})", f"]({other})")
        (target / guide.name).write_text(text, encoding="utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (folder / "changes.md").write_text(changes, encoding="utf-8")
    policy = (ROOT / ".github/SECURITY.md").read_text(encoding="utf-8")
    (folder / "security-policy.md").write_text(policy.replace("](../", "]("), encoding="utf-8")


def _write_notebooks(folder: Path, patterns: list[str]) -> None:
    for script in FOLDER.glob("*/*.py"):  # a notebook's link to it is a download
        (folder / "notebooks" / script.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(script, folder / "notebooks" / script.parent.name)
    chosen = [path for path in paths() if any(path.match(pattern) for pattern in patterns)]
    for path, notebook in executed(chosen) if chosen else ():
        _write_notebook(folder, path, notebook)
    for path in paths():
        if path not in chosen:
            _write_notebook(folder, path, nbformat.read(path, as_version=4))
    lines = [
        "# Notebooks",
        "",
        "Each notebook was executed from top to bottom, and is shown with its outputs."
        if len(chosen) == len(paths())
        else "Some of these notebooks were executed, and are shown with their outputs.",
        "",
    ]
    lines += _toctree("", ["00-start-here"])
    for chapter, title in CHAPTERS.items():
        lines += _toctree(
            title, [f"{chapter}/{path.stem}" for path in paths() if path.parent.name == chapter]
        )
    (folder / "notebooks/index.md").write_text("\n".join(lines), encoding="utf-8")


def _write_notebook(folder: Path, path: Path, notebook: nbformat.NotebookNode) -> None:
    target = folder / "notebooks" / path.relative_to(FOLDER)
    target.parent.mkdir(parents=True, exist_ok=True)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if WIDGET in output.get(
                "data", {}
            ):  # only the panel has no plain fallback that says anything to a reader
                output["data"] = {"text/markdown": PANEL}
    nbformat.write(notebook, target)


def _toctree(title: str, pages: list[str]) -> list[str]:
    caption = [f":caption: {title}"] if title else []
    return ["```{toctree}", *caption, ":maxdepth: 1", "", *pages, "```", ""]


def _write_api(folder: Path) -> None:
    folder.mkdir()
    homes = public_names.homes()
    lines = [
        "API reference",
        "=============",
        "",
        "The public names of boxnb. Other names can change without notice.",
        "",
    ]
    lines += [".. toctree::", "   :maxdepth: 1", "   :titlesonly:", ""]
    lines += ["   columns", *(f"   {module}" for module in public_names.MODULES)]
    (folder / "index.rst").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "columns.rst").write_text("\n".join(_columns_page()) + "\n", encoding="utf-8")
    for module in public_names.MODULES:
        (folder / f"{module}.rst").write_text("\n".join(_module_page(module, homes)) + "\n", encoding="utf-8")


def _module_page(module: str, homes: dict[str, str]) -> Iterator[str]:
    content = importlib.import_module(module)
    yield from (module, "=" * len(module), "")
    yield from ((inspect.getdoc(content) or "").partition("\n\n")[0], "")
    yield from (f".. py:module:: {module}", "")
    yield from (".. list-table::", "   :widths: 30 70", "   :class: names", "")
    for name in public_names.names(module):
        value = getattr(content, name)
        home = homes[f"{module}.{name}"]
        yield f"   * - :py:obj:`{name} <{home}>`"
        yield f"     - {_summary(value)}"
    yield ""
    for name in public_names.names(module):
        if homes[f"{module}.{name}"] == f"{module}.{name}":
            yield from _directive(f"{module}.{name}", getattr(content, name))


def _columns_page() -> Iterator[str]:
    yield from ("Columns of every table", "======================", "")
    yield from ("Every table has the columns below, in this order, even when it has no rows.", "")
    yield from ("Times are in UTC, sizes are in bytes, and ids are text.", "")
    previous = ""
    for full_name, dtypes in public_names.columns().items():
        module, _, name = full_name.rpartition(".")
        if module != previous:
            title = SECTIONS[module]
            yield from (title, "-" * len(title), "")
        previous = module
        yield from (name, "~" * len(name), "")
        yield from (f".. py:data:: {full_name}", "   :no-typesetting:", "   :no-contents-entry:", "")
        yield from (
            ".. list-table::",
            "   :header-rows: 1",
            "   :class: columns",
            "",
            "   * - column",
            "     - dtype",
        )
        for column, dtype in dtypes.items():
            yield from (f"   * - ``{column}``", f"     - ``{dtype}``")
        yield ""


def _summary(value: object) -> str:
    """Return the first sentence of a docstring on one line; empty for a value that is not a class or a function."""
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return f"``{value!r:.60}``" if isinstance(value, str | int | float) else ""
    text = " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())
    sentence = re.split(r"(?<=[.!?])\s+(?=[A-Z`:])", text)[0]
    return re.sub(r":\w+:`~?([^`]+)`", r"``\1``", sentence)  # outside its own page, a role may not resolve


def _directive(full_name: str, value: object) -> Iterator[str]:
    if inspect.isclass(value):
        yield f".. autoclass:: {full_name}"
        if issubclass(value, BaseException):
            yield "   :show-inheritance:"
        else:
            yield "   :members:"
            if full_name in public_names.INHERITED:
                yield "   :inherited-members:"
    elif inspect.isroutine(value):
        yield f".. autofunction:: {full_name}"
    else:
        yield f".. py:data:: {full_name.rpartition('.')[2]}"
        yield f"   :type: {type(value).__name__}"
        if isinstance(value, str | int | float):
            yield f"   :value: {value!r}"
    yield ""


class Page(HTMLParser):
    """The links, the anchors, and the addresses that one page loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.loads: list[str] = re.findall(r"(?:url\(|@import\s+)[\"']?(https?://[^\"')]+)", text)
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the links and the addresses of one element."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in LOADED and LOADED[tag] in values and values.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(values[LOADED[tag]])


def problems(site: Path) -> list[str]:
    """Return what is wrong with the links and the addresses in the pages of a site."""
    pages = {
        file.relative_to(site).as_posix(): Page(file.read_text(encoding="utf-8"))
        for file in sorted(site.rglob("*.html"))
        if "_static" not in file.relative_to(site).parts  # templates of the theme, which no page shows
    }
    found: list[str] = []
    for name, page in pages.items():
        for address in page.loads:
            if urlsplit(address).netloc:
                found.append(f"{name} loads {address}")
            elif not address.startswith("data:") and not (site / _target(name, address)).exists():
                found.append(f"{name} loads {address}, which does not exist")
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = _target(name, parts.path) if parts.path else name
            if not (site / target).exists():
                found.append(f"{name} links to {link}, which does not exist")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{name} links to {link}, but that page has no such anchor")
    for file in [*site.rglob("*.css"), *site.rglob("*.js")]:
        text = file.read_text(encoding="utf-8", errors="replace")
        for address in re.findall(r"(?:url\(|@import\s+)[\"']?(https?://[^\"')]+)", text):
            found.append(f"{file.relative_to(site)} loads {address}")
    return found


def _target(page: str, address: str) -> str:
    """Return the path of a file that a page refers to, relative to the site."""
    parts: list[str] = []
    for part in (PurePosixPath(page).parent / unquote(urlsplit(address).path)).parts:
        if part == "..":
            parts[-1:] = []
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Build the documentation and return the exit code."""
    parser = argparse.ArgumentParser(description="Build the documentation.")
    parser.add_argument("output", type=Path)
    parser.add_argument(
        "--execute", nargs="*", default=["*.ipynb"], metavar="PATTERN", help="default: all notebooks"
    )
    options = parser.parse_args(arguments)
    source = options.output.with_name(options.output.name + "-source")
    write_sources(source, options.execute)
    shutil.rmtree(options.output, ignore_errors=True)
    code = build_main(
        [
            "--quiet",
            "--fail-on-warning",
            "-E",
            "-b",
            "html",
            "-c",
            str(HERE),
            "-d",
            f"{source}-cache",
            str(source),
            str(options.output),
        ]
    )
    if code:
        return code
    wrong = problems(options.output)
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    sys.stdout.write(f"{options.output / 'index.html'}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
