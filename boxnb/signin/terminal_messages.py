"""What the sign-in says in a terminal or an input box. The messages that it shares with the panel are in `messages`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from boxnb import store
from boxnb.errors import BoxNotebookError, SignInCancelled, SignInError, SignInTimeout
from boxnb.local.reader import in_notebook
from boxnb.local.reader import sign_in_command as command
from boxnb.oauth.failures import capitalized, display_name
from boxnb.signin import messages

CONSOLE: Final = "https://app.box.com/developers/console"
ROLES: Final = {"admin": "admin", "coadmin": "co-admin", "user": "managed user"}
WEAK: Final = "A managed user cannot list users. Sign in again as an admin or co-admin."
SAVING: Final = "Asking who signed in, and saving."
CLIENT_ID: Final = "Client ID"
CLIENT_SECRET: Final = "Client Secret"
REDIRECT_URI: Final = "Redirect URI"
YES_OR_NO: Final = "Is this you, in the right enterprise? Type yes to save it, or no to discard it: "
PLEASE_YES_OR_NO: Final = "Type yes or no."
BY_ITSELF: Final = "boxnb signs in to the sandbox for you, as its practice admin."
LOCAL_LINK: Final = (
    "The link is an address of this computer, so a browser on another computer cannot open it."
)
READY_MADE_APP: Final = "The sandbox has a ready-made app, so there is no app to change."
BROWSER_OPENED: Final = "boxnb has opened the link in your browser."


def title(profile: str, server: str) -> str:
    """Return the first line of the conversation."""
    return f"Sign in to {display_name(server)} for the profile {profile!r}. Press Ctrl-C to stop."


def new_profile(profile: str) -> str:
    """Return the note for a new profile whose name is similar to a saved one's; empty if none is."""
    other = store.did_you_mean(profile)
    return (
        f"This creates the profile {profile!r}.{other} Then press Ctrl-C and use that name." if other else ""
    )


def no_browser(is_local: bool, practice: bool) -> str:
    """Return that no browser was opened, and where to open the link. ``is_local`` is whether it leads to this computer."""
    problem = "This computer has no browser with a window."
    if not is_local:
        return f"{problem} Open the link in a browser on any computer."
    if practice:
        return f"{problem} {LOCAL_LINK} Press Enter: boxnb then signs in for you."
    return f"{problem} {LOCAL_LINK}"


def register(server: str, redirect_uri: str, *, is_known: bool = False) -> str:
    """Return how to register an app: in Box step by step, elsewhere in one sentence. ``is_known`` is whether there is one."""
    if is_known:
        where = f" in {CONSOLE}" if server in ("Box", "sandbox") else ""
        return (
            f"\nThis profile has an app. Copy the new values from the app's configuration{where},\n"
            "or press Enter to keep a value.\n"
        )
    if server not in ("Box", "sandbox"):
        return (
            f"\nRegister an app with {display_name(server)}, with the redirect URI {redirect_uri}\n"
            "Then copy its client ID and client secret."
        )
    return f"""
No app is known for this profile yet. Register one in Box's Developer Console, once:

 1. Open {CONSOLE}, press New App and choose User, which is
    User Authentication (OAuth 2.0). You cannot change this choice later.
 2. In the Configuration tab, set the OAuth 2.0 Redirect URI to exactly this address:
    {redirect_uri}
 3. Tick these Application Scopes: Read all files and folders (to upload: Write all files
    and folders), Manage users, Manage groups, Manage enterprise properties.
 4. Under Advanced Features, turn on: Make API calls using the as-user header.
 5. Press Save Changes, then copy the Client ID and the Client Secret from the same tab.

If your company blocks unpublished apps, an admin must first enable this one
(Admin Console, Integrations, Platform Apps Manager).
"""


def field(label: str, default: str = "", fingerprint: str = "") -> str:
    """Return the prompt for a field of the app. Enter keeps a default; a client secret is shown as its fingerprint."""
    if fingerprint:
        return f"{label} (stays hidden; Enter keeps the one with fingerprint {fingerprint}): "
    if label == CLIENT_SECRET:
        return f"{label} (stays hidden; paste it, then press Enter): "
    return f"{label} (Enter keeps {default}): " if default else f"{label}: "


def received(fingerprint: str) -> str:
    """Return the confirmation of a client secret that was typed without being shown."""
    return f"Received, fingerprint {fingerprint}."


def open_link(server: str, *, first: bool) -> str:
    """Return what to do with the link that follows."""
    if not first:
        return "Open this new link, and press Grant:"
    who = "" if server not in ("Box", "sandbox") else " as an admin or co-admin"
    return f"Open this link in your browser, sign in{who}, and press Grant:"


def how_it_comes_back(listening: bool, proxied: bool, remote: bool, practice: bool) -> str:
    """Return how the code comes back: by itself, or in an address to copy.

    ``listening`` is whether the receiver waits, ``proxied`` whether a JupyterHub forwards to it, and ``remote`` whether
    this is an SSH session or a JupyterHub, whose browser is on another computer.
    """
    copy = "copy its whole address from the address bar within 30 seconds, and paste it here."
    if proxied:
        text = (
            "Then the code comes back by itself through your JupyterHub (not run on a real hub yet).\n"
            f"If it does not: {copy}"
        )
    elif listening and not remote:
        text = (
            "If that browser is on this computer, the code comes back by itself.\n"
            f"Otherwise the page after Grant cannot be reached: {copy}"
        )
    else:
        text = f"The page after Grant cannot be reached, which is expected:\n{copy}"
    if practice:
        text += "\nThe sandbox's page shows the password. Or press Enter here: boxnb then signs in for you."
    return text


def paste(left: float | None, is_hidden: bool) -> str:
    """Return the prompt for the address. ``left`` is the number of seconds that a code can still be valid, if known."""
    hidden = "it stays hidden" if is_hidden else "the input is not a terminal, so it may be visible"
    if left is None:
        return f"Paste the address ({hidden}), then press Enter: "
    if left > 0:
        return f"Paste the address (at most {math.ceil(left)} s left), then press Enter: "
    return "That code has expired. Press Grant again, then paste the address: "


def exchanging(left: float | None, *, ticks: bool) -> str:
    """Return the line shown while a code is exchanged. If the line can change, it counts down the code's last seconds."""
    if left is None:
        return SAVING
    # The server counts from Grant; when that was is not known.
    return messages.EXCHANGING + (f" At most {math.ceil(left)} s left." if ticks else "")


def account_text(who: dict[str, Any]) -> str:
    """Return the account as the panel shows it: name, login, role and enterprise."""
    role, enterprise = ROLES.get(who["role"], who["role"]), who["enterprise"]
    position = f"{role} of {enterprise}" if role and enterprise else role or enterprise
    login = who["login"] and f"<{who['login']}>"
    return ", ".join(filter(None, [" ".join(filter(None, [who["name"], login])), position]))


def question(view: dict[str, Any]) -> str:
    """Return whose account the code belongs to, and which account it would replace, with their enterprises."""
    accounts = [("Until now", view["before"]), ("This code", view["who"])]
    lines = []
    for label, who in accounts:
        if who:
            lines += [f"  {label}   {account_text(who)}"]
            lines += [f"              enterprise id {who['enterprise_id']}"] if who["enterprise_id"] else []
    return "\n".join(lines)


def summary(view: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that say who signed in, for how long, and where the token is saved."""
    saved, who = view["saved"], view["who"]
    if any(who.values()):
        yield f"  Signed in      {account_text(who)}"
    if who["enterprise_id"]:
        yield f"  Enterprise     {who['enterprise']} (id {who['enterprise_id']})"
    yield f"  Token          fingerprint {saved['fingerprint']}"
    yield f"  Access token   {_expiry(saved['access_seconds'])}; refreshed automatically"
    yield f"  Refresh token  {_expiry(saved['refresh_seconds'])}; every use returns a new one"
    yield f"  File           {saved['path']}"
    if who["role"] not in ("", "admin", "coadmin"):
        yield WEAK


def _expiry(seconds: float) -> str:
    if seconds <= 0:
        return "expired"
    minutes, hours, days = (round(seconds / unit) for unit in (60, 3600, 86400))
    if seconds < 5400:
        return f"{max(1, minutes)} minutes left" if minutes > 1 else "1 minute left"
    return f"{hours} hours left" if days < 2 else f"{days} days left"


def nobody_here(profile: str, reason: str) -> SignInCancelled:
    """Return the error for a process in which nothing can be typed, such as cron, nbclient or a closed pipe."""
    problem = reason.partition(" Open ")[0] or f"Nobody is signed in as {profile!r}."
    return SignInCancelled(
        f"{problem} Nothing can be typed here: run {command(profile)} in a terminal once, then run this again."
    )


def input_ended(profile: str) -> SignInCancelled:
    """Return the error for a person who ended the input (Ctrl-D), or a pipe that closed."""
    return SignInCancelled(f"The input ended before the sign-in did. {outcome(profile)}")


def stopped(profile: str) -> SignInCancelled:
    """Return the error for a person who pressed Ctrl-C or Interrupt."""
    return SignInCancelled(f"Stopped. {outcome(profile)}")


def outcome(profile: str) -> str:
    """Return what is saved in a profile whose sign-in did not finish, and what to do. boxnb does not make a call."""
    try:
        saved = store.load(profile)
    except BoxNotebookError as error:
        return str(error)
    if saved is None:
        return f"Nothing was saved. Run {command(profile)} to start again."
    if saved.token is None:
        return (
            f"The app is saved, but nobody is signed in as {profile!r}. Run {command(profile)} to continue."
        )
    account = saved.account or {}
    name = account.get("name") or account.get("login") or "before"
    return f"Nothing has changed: {profile!r} is still signed in as {name}."


def nobody_signed_in(profile: str, seconds: float) -> SignInTimeout:
    """Return the error for a person who did not sign in within the time limit."""
    minutes = f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"
    return SignInTimeout(f"Nobody signed in within {minutes}. {outcome(profile)}")


def defect(error: BaseException) -> SignInError:
    """Return the error for an unexpected exception, which is a bug in boxnb."""
    return SignInError(f"This is a defect in boxnb ({type(error).__name__}). Start the sign-in again.")


def finished(note: str) -> str:
    """Return the first line after a sign-in."""
    return capitalized(note)


def again(profile: str) -> str:
    """Return how to sign in although a saved sign-in works."""
    where = ", in a terminal" if in_notebook() else ""
    return f"To sign in all the same, such as with another account{where}: {command(profile)} --again"
