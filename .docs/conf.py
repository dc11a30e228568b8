"""Configuration of Sphinx for the documentation; ``build.py`` writes the sources that it reads."""

from __future__ import annotations

import pydoc
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import public_names  # noqa: E402

import boxnb  # noqa: E402

project = "boxnb"
version = release = boxnb.__version__
author = ""
copyright = ""  # noqa: A001  the name that Sphinx reads
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"
exclude_patterns = ["**.ipynb_checkpoints"]
nitpicky = True
# A type in a signature can be anything; all other references must exist.
nitpick_ignore_regex = [("py:class", ".*"), ("py:(obj|exc)", r"(?!boxnb\b).*")]
suppress_warnings = [
    "mystnb.unknown_mime_type",  # a chart's own format; its plain fallback is shown
    "ref.python",  # an attribute in the list of its class can have the name of attributes of other classes
]

nb_execution_mode = "off"  # build.py executes them, because somebody has to answer the sign-in panel
nb_merge_streams = True
myst_heading_anchors = 3
default_role = "code"

autodoc_member_order = "groupwise"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
# Follow the reader's system. Without this, the theme reports an error in the console.
html_context = {"default_mode": "auto"}
html_title = f"boxnb {release}"
html_static_path = [str(HERE / "static")]
html_css_files = ["boxnb.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_show_search_summary = False  # it fetches pages, which a browser refuses for files
html_theme_options = {
    "navbar_align": "left",
    "show_nav_level": 2,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "logo": {"text": "boxnb"},
}
html_sidebars = {"index": [], "changes": [], "security-policy": []}


def candidates(target: str, module: str, owner: str) -> list[str]:
    """Return the dotted names that a reference may mean, most specific first."""
    found = [target, f"{module}.{target}", f"{module}.{owner}.{target}"]
    # A docstring names an object of its own module, or by the module that defines it.
    try:
        value = pydoc.locate(target)
    except pydoc.ErrorDuringImport:
        value = None
    members = {id(getattr(boxnb.Box, name)): f"boxnb.Box.{name}" for name in dir(boxnb.Box)}
    found += [members[id(value)]] if value is not None and id(value) in members else []
    found += [name for name in public_names.columns() if name.rpartition(".")[2] == target]
    return found


def resolve(app: Sphinx, env: Any, node: nodes.Element, content: nodes.Element) -> nodes.Element | None:
    """Resolve a reference by any public name of an object to the place where it is documented."""
    if node.get("refdomain") != "py":
        return None
    target = str(node.get("reftarget", ""))
    if node.get("reftype") in ("mod", "attr"):
        return content  # a module without public names, or an attribute in the list of its class
    homes, objects = public_names.homes(), env.get_domain("py").objects
    for candidate in candidates(target, str(node.get("py:module") or ""), str(node.get("py:class") or "")):
        owner, _, member = candidate.rpartition(".")
        for name in (candidate, homes.get(candidate, ""), f"{homes.get(owner, '')}.{member}"):
            if name in objects:
                found = objects[name]
                return make_refnode(app.builder, node["refdoc"], found.docname, found.node_id, content, name)
    return None


def setup(app: Sphinx) -> None:
    """Register :func:`resolve` with Sphinx."""
    app.connect("missing-reference", resolve)
