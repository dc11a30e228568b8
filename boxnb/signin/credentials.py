"""A form for secrets that need no person later: client credentials of Box, and the sign-ins of other servers.

It makes every decision of the panel and of the prompts, without a user interface. A refused secret is not saved, so that an
earlier sign-in stays. Network calls run in a thread; `snapshot` returns what a view can show, which never includes a secret.
"""

from __future__ import annotations

import dataclasses
import getpass
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from boxnb import store, tokens
from boxnb.errors import (
    BoxNotebookError,
    CredentialsRefusedError,
    InvalidClientError,
    SettingError,
    SignInCancelled,
    TokenEndpointError,
)
from boxnb.oauth import BOX, Client, Clock, Server
from boxnb.oauth.failures import display_name
from boxnb.oauth.refusals import ADMIN_APPS
from boxnb.secret import Secret
from boxnb.servers import checks
from boxnb.servers.kinds import Field, fields_of, kind_of, profile_of
from boxnb.servers.presets import preset_of
from boxnb.servers.saved import put
from boxnb.signin import messages
from boxnb.signin.account import remember_account
from boxnb.store.method import CLIENT_CREDENTIALS, KINDS, Method

Step = Literal["enter", "done", "stopped"]
Make = Callable[[Mapping[str, str], Mapping[str, Secret]], store.Profile]
"""Makes a profile of what was entered: the fields that are not secret, and those that are."""

BOX_FIELDS: Final = (
    Field("client_id", "Client ID"),
    Field("client_secret", "Client secret", secret=True),
    Field("enterprise_id", "Enterprise ID, to act as the app's service account", optional=True),
    Field("user_id", "User ID instead, to act as one user", optional=True),
)
BOX_HELP: Final = (
    "Prefer this for runs without a person, such as at night. The app's type is Server Authentication (with Client "
    f"Credentials Grant), and an admin authorizes it first: {ADMIN_APPS}."
)
SUBJECT: Final = "Enter the enterprise ID or a user ID, and not both. They are in the Admin Console, under Account & Billing and under Users."


class CredentialsForm:
    """What one person enters for one profile, and what came of it.

    ``fields`` says what to ask for. ``make`` turns the answers into a profile. ``values`` are answers that are already known
    and not secret. ``advice`` says what to know before. ``on_change`` is called after each change, in any thread.
    """

    def __init__(
        self,
        profile: str,
        title: str,
        fields: list[Field],
        make: Make,
        *,
        values: Mapping[str, str] | None = None,
        advice: str = "",
        clock: Clock = time.time,
    ) -> None:
        self.profile, self.title, self.fields = profile, title, fields
        self.advice = advice
        self.step: Step = "enter"
        self.busy, self.alert, self.note = False, "", ""
        self.values = dict(values or {})
        self.failure: BaseException | None = None
        self.on_change: Callable[[], None] = lambda: None
        self._make = make
        self._clock = clock
        self._lock = threading.RLock()

    @property
    def finished(self) -> bool:
        """Whether the form has ended: saved, cancelled or failed."""
        return self.step == "done" or self.failure is not None

    def snapshot(self) -> dict[str, Any]:
        """Return JSON values for a view, without any secret."""
        with self._lock:
            fields = [
                {**field._asdict(), "value": "" if field.secret else self.values.get(field.name, "")}
                for field in self.fields
            ]
            state = {
                name: getattr(self, name) for name in ("step", "busy", "profile", "title", "alert", "note")
            }
            return {**state, "help": self.advice, "fields": fields}

    def submit(self, values: Mapping[str, str]) -> None:
        """Try what was entered, and save it unless the server refuses it. Returns immediately."""
        with self._lock:
            if self.busy or self.step != "enter":
                return
            secrets = {
                field.name: Secret(values[field.name].strip())
                for field in self.fields
                if field.secret and values.get(field.name, "").strip()
            }
            self.values |= {
                field.name: values[field.name].strip()
                for field in self.fields
                if not field.secret and field.name in values
            }
            missing = next((field for field in self.fields if self._is_missing(field, secrets)), None)
            self.busy = missing is None
            self.alert = "" if missing is None else f"{missing.label} is empty."
            self.note = f"Trying it at {self.title}." if missing is None else ""
        self.on_change()
        if missing is None:
            threading.Thread(target=self._try, args=(secrets,), name="boxnb-credentials", daemon=True).start()

    def cancel(self) -> None:
        """Stop, so that `panel.done()` raises `SignInCancelled`. The user can start again."""
        with self._lock:
            if self.step == "done":
                return
            self.step, self.alert, self.busy = "stopped", "", False
            self.note = messages.cancelled_note(self.profile)
            self.failure = SignInCancelled(messages.CANCELLED)
        self.on_change()

    def again(self) -> None:
        """Start again after `cancel`, or to enter other secrets."""
        with self._lock:
            self.failure, self.step, self.alert, self.note = None, "enter", "", ""
        self.on_change()

    def _is_missing(self, field: Field, secrets: Mapping[str, Secret]) -> bool:
        found = secrets.get(field.name) if field.secret else self.values.get(field.name)
        return not found and not field.optional

    def _try(self, secrets: dict[str, Secret]) -> None:
        try:
            note = save_tried(self._make(self.values, secrets), clock=self._clock)
        except (OSError, BoxNotebookError) as error:
            self._end("enter", alert=messages.in_one_sentence(error, self.title))
        except Exception as error:  # noqa: BLE001 - otherwise `panel.done()` would wait forever
            self.failure = error
            self._end("enter", alert=messages.defect(error))
        else:
            self._end("done", note=note)

    def _end(self, step: Step, *, alert: str = "", note: str = "") -> None:
        with self._lock:
            if self.step == "stopped":
                return
            self.step, self.busy, self.alert, self.note = step, False, alert, note
        self.on_change()


def save_tried(profile: store.Profile, *, clock: Clock = time.time) -> str:
    """Try the secrets of a profile, save it, and return a message. Clearly refused secrets are not saved.

    Raises
    ------
    CredentialsRefusedError, InvalidClientError, TokenEndpointError
        The server refused the secrets, or the app is not allowed to use them.
    TokenStoreError, SettingError
        The profile could not be saved.
    """
    where = store.path(profile.name)
    if not profile.method.gets_token:
        result, words = next(iter(checks.probe(profile, clock=clock)))
        if result == "wrong":
            raise CredentialsRefusedError(words, error="credentials_refused")
        put(profile)
        return f"Saved in {where}. {words}"
    token, untried = None, ""
    try:
        token = tokens.fetch(profile, tokens.NO_TOKEN, clock=clock)
    except (CredentialsRefusedError, InvalidClientError):
        raise
    except TokenEndpointError as error:
        if error.error:  # a clear refusal, such as an app that no admin has authorized
            raise
        untried = f" It has not been tried: {error}"
    skew = 0.0 if token is None else token.obtained_at - clock()
    if profile.is_box:
        _save_box(profile)
    else:
        put(profile)
    if token is not None:
        fetched = token
        store.change(profile.name, lambda saved: None if saved is None else saved.renewed(fetched, skew))
    if profile.is_box and token is not None:
        account = remember_account(profile.name)
        return f"Saved in {where}. Signed in as {account.get('name')} <{account.get('login')}>."
    return f"Saved in {where}.{untried or ' The server gave a token.'}"


def _save_box(profile: store.Profile) -> None:
    def edit(saved: store.Profile | None) -> store.Profile:
        if saved is None:
            return profile
        if not saved.is_box:
            raise SettingError(f"{profile.name!r} is a saved server. Choose another name for this sign-in.")
        changes = {"token": None, "account": None, "refused": "", "generation": 0, "spent": ()}
        return dataclasses.replace(saved, client=profile.client, method=profile.method, **changes)  # type: ignore[arg-type]

    store.change(profile.name, edit)


def box_profile(
    name: str, values: Mapping[str, str], secrets: Mapping[str, Secret], server: Server = BOX
) -> store.Profile:
    """Return a profile that signs in to Box with client credentials (Box guide *Client Credentials Grant*).

    Raises
    ------
    SettingError
        Neither an enterprise nor a user is given, or both.
    """
    enterprise, user = values.get("enterprise_id", ""), values.get("user_id", "")
    if bool(enterprise) == bool(user):
        raise SettingError(SUBJECT)
    kind = "enterprise" if enterprise else "user"
    settings = {"box_subject_type": kind, "box_subject_id": enterprise or user}
    if not settings["box_subject_id"].isdecimal():
        raise SettingError(f"The {kind} ID has only digits. {SUBJECT}")
    saved = store.load(name)
    return store.Profile(
        name,
        Client(values.get("client_id", ""), secrets.get("client_secret", Secret("")), "", server),
        verify=True if saved is None else saved.verify,
        method=Method(CLIENT_CREDENTIALS, "", settings),
    )


def box_form(name: str, *, server: Server = BOX, clock: Clock = time.time) -> CredentialsForm:
    """Return the form for client credentials of Box."""
    return CredentialsForm(
        name,
        f"{display_name(server.name)}, client credentials",
        list(BOX_FIELDS),
        lambda values, secrets: box_profile(name, values, secrets, server),
        advice=BOX_HELP,
        clock=clock,
    )


def server_form(
    name: str,
    url: str,
    *,
    preset: str = "plain",
    kind: str | None = None,
    secret_headers: tuple[str, ...] = (),
    verify: bool | str = True,
    settings: Mapping[str, str] | None = None,
    clock: Clock = time.time,
) -> CredentialsForm:
    """Return the form for a server with one of the presets.

    Raises
    ------
    SettingError
        The preset or the kind does not exist, or the kind needs a person (``authorization_code``).
    """
    table = preset_of(preset)
    chosen = kind_of(table, kind)
    if chosen == "authorization_code":
        raise SettingError(
            f"With an authorization code, a person signs in: save the server with boxnb.servers.save, then run "
            f"boxnb.sign_in({name!r})."
        )
    known = dict(settings or {})
    return CredentialsForm(
        name,
        f"{table.title or url}, {KINDS[chosen]}",
        fields_of(table, chosen, secret_headers),
        lambda values, secrets: profile_of(name, url, table, chosen, {**known, **values}, secrets, verify),
        values=known,
        clock=clock,
    )


def ask(
    form: CredentialsForm,
    *,
    ask_text: Callable[[str], str] | None = None,
    ask_secret: Callable[[str], str] | None = None,
    say: Callable[[str], object] = lambda text: None,
) -> str:
    """Ask for every field by text, secrets without showing them, and save what the server accepts. Return a message.

    ``say`` shows the form's advice before.

    Raises
    ------
    SignInCancelled
        Nothing can be typed here, or the user ended the input.
    SignInError, SettingError, TokenStoreError
        As for :func:`save_tried`.
    """
    values, secrets = dict(form.values), {}
    ask_text, ask_secret = ask_text or input, ask_secret or getpass.getpass
    if form.advice:
        say(form.advice)
    try:
        for field in form.fields:
            if field.secret:
                secrets[field.name] = Secret(ask_secret(f"{field.label}: ").strip())
            elif not values.get(field.name):
                values[field.name] = ask_text(
                    f"{field.label}{' (or empty)' if field.optional else ''}: "
                ).strip()
    except EOFError:
        raise SignInCancelled(
            f"Nothing can be typed here, so {form.profile!r} was not saved. Run this in a terminal or a notebook."
        ) from None
    form.values = {name: value for name, value in values.items() if value}
    if missing := next((field for field in form.fields if form._is_missing(field, secrets)), None):
        raise SettingError(f"{missing.label} is empty, so nothing was saved. Run this again.")
    return save_tried(form._make(form.values, secrets))
