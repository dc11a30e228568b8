"""What a user sees in a notebook: the sign-in panel, tables, trees, charts.

`front_end` decides between the sign-in panel and a sign-in by text. `sign_in_panel` is a view of `boxnb.signin.flow`,
and `credentials_panel` of `boxnb.signin.credentials`.
`table`, `tree`, `explorer` and `charts` show DataFrames; `progress` shows the progress of a pull. `text` formats sizes
and counts, contains the messages of these views, and adds the plain fallback to widgets; charts have their own. `views` collects what notebooks
import. `flow_picture` draws the whole flow, for the panel and the lessons; `javascript` joins the JavaScript files of a widget.

This layer imports `sdk` and the layers before it. `runs` and `labs` can import it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from boxnb.signin.flow import SignInFlow
from boxnb.widgets.front_end import save_server, sign_in

if TYPE_CHECKING:
    from boxnb.widgets import charts as charts
    from boxnb.widgets import views as views
    from boxnb.widgets.sign_in_panel import SignIn

__all__ = ["SignIn", "SignInFlow", "save_server", "sign_in"]
_LAZY = ("charts", "views")


def __getattr__(name: str) -> Any:
    """Load the panel, the charts and the views when they are first used.

    Signing in by text works where the panel's packages are missing; charts and views need the extra ``explore``.
    """
    if name == "SignIn":
        return importlib.import_module(".sign_in_panel", __name__).SignIn
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, "SignIn"})
