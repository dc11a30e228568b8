"""The practice app console, which registers an app and shows its client ID and client secret once."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..context import ADMIN_SCOPES, MAX_FORM_FIELDS, SCOPES, context_of
from ..control import check_app
from ..pages import Html, details, fill, page
from .authorize import session, with_cookie
from .token_endpoint import equal_in_constant_time


async def console(request: Request) -> Response:
    """Show the form (`GET`) or register an app (`POST`)."""
    context = context_of(request)
    row, is_new = session(context, request)
    message, status = Html(""), 200
    name, uris, selected_scopes = "My practice app", ["http://127.0.0.1/callback"], ADMIN_SCOPES
    if request.method == "POST":
        content = (await request.body()).decode("utf-8", "replace")
        try:
            form = parse_qs(content, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
        except ValueError:
            raise HTTPException(400) from None
        name = form.get("name", [""])[0]
        uris = form.get("redirect_uris", [""])[0].split()
        selected_scopes = form.get("scope", [])
        if is_new or not equal_in_constant_time(form.get("csrf", [""])[0], row["csrf"]):
            message, status = alert("This form is out of date. Try again."), 403
        else:
            try:
                app = context.state.add_app(*check_app(name, uris, selected_scopes))
            except ValueError as error:
                message, status = alert(f"The app was not created: {error}."), 400
            else:
                credentials = {"Client ID": app["client_id"], "Client secret": app["client_secret"]}
                credentials["Redirect URIs"] = "\n".join(app["redirect_uris"])
                heading = f'<h2 role="status">{escape(app["name"])} is ready</h2>'
                message = Html(f"{heading}<dl>{details(credentials)}</dl>")
    checkboxes = Html(
        "\n".join(
            f'<label class="check"><input type="checkbox" name="scope" value="{escape(key)}"'
            f"{' checked' if key in selected_scopes else ''}> {escape(text)} <code>{escape(key)}</code></label>"
            for key, text in SCOPES.items()
        )
    )
    body = fill(
        "console",
        message=message,
        csrf=row["csrf"],
        name=name,
        uris="\n".join(uris),
        redirect_hint=redirect_hint(request),
        scopes=checkboxes,
    )
    response: Response = page("Practice app console", body, status=status, wide=True)
    return with_cookie(context, response, row["sid"]) if is_new else response


def redirect_hint(request: Request) -> Html:
    """Return a hint about the redirect URI to register: a loopback URI on this computer, the proxy's URL on a hub."""
    prefix = context_of(request).prefix
    hub_path, behind_proxy, _ = prefix.rpartition("/proxy/")
    if not behind_proxy:
        return Html(
            "For notebooks on this computer: <code>http://127.0.0.1/callback</code>. Any port will do; every other character "
            "must match."
        )
    host = request.headers.get("x-forwarded-host") or request.headers.get("host", "")
    return Html(
        f"For notebooks on this hub: <code>https://{escape(host)}{escape(hub_path)}/proxy/<em>port</em>/callback</code>, with "
        "the port shown in the notebook's sign-in panel. Every character must match."
    )


def alert(text: str) -> Html:
    """Return an error message that screen readers announce."""
    return Html(f'<p class="error" role="alert">{escape(text)}</p>')
