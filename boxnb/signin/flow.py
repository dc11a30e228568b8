"""A plain state object for the sign-in. It makes every decision of the panel and the terminal, without a user interface.

For each event (a paste, a redirect that the receiver caught, a confirmation), there is a method that returns immediately.
Network calls run in a thread. `snapshot` returns what a view can show, which never includes a secret.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Literal

from boxnb import errors, oauth, store
from boxnb.errors import BoxNotebookError, SignInCancelled
from boxnb.oauth import BOX, Client, Server
from boxnb.oauth.receiver import Receiver
from boxnb.oauth.token import Token
from boxnb.secret import Secret
from boxnb.signin import messages
from boxnb.signin.account import (
    is_other_account,
    profile_session,
    require_person,
    revoke_unwanted,
    save_account,
    save_client,
    save_or_revoke,
    saved_account,
    try_saved_sign_in,
    who_is,
    who_is_or_revoke,
)
from boxnb.signin.jupyterhub import listening_url, wait_at

CODE_SECONDS: Final = 30.0  # Box guide "Expiration of tokens": an authorization code is valid for 30 seconds
DEFAULT_REDIRECT: Final = "http://127.0.0.1:8917/callback"

Step = Literal["register", "open", "confirm", "done", "stopped"]


class SignInFlow:
    """The sign-in of one person to one profile.

    ``client`` is the registered app, if it is already known. Otherwise, the user types one into the panel, and ``server`` is
    where that app is registered. ``practice`` is true for the sandbox, where step 1 only describes what to do in the real
    Box. ``seconds`` is how long the receiver waits for each redirect. ``on_change`` is called after each change, in any thread.
    """

    def __init__(
        self,
        profile: str,
        *,
        client: Client | None = None,
        server: Server = BOX,
        practice: bool = False,
        seconds: float = 900,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.profile = profile
        self.step: Step = "register"
        self.busy, self.alert, self.note = False, "", ""
        self.default_redirect = DEFAULT_REDIRECT
        self.draft: dict[str, str] = {"client_id": "", "redirect_uri": DEFAULT_REDIRECT}
        self.failure: BaseException | None = None
        self.on_change = on_change
        self._preset_client = client
        self._client: Client | None = None
        self._secret = Secret("")  # typed but not saved yet
        self._server = client.server if client is not None else server
        self._practice, self._seconds, self._is_box = practice, seconds, True  # only Box says who signed in
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._state = ""
        self._verifier: Secret | None = None
        self._request: Client | None = None  # the client with the redirect URI of the open request
        self._receiver: Receiver | None = None
        self._caught_at: float | None = None
        self._pending: tuple[Client, Token] | None = None
        self._account: dict[str, Any] = {}
        self._to_confirm: dict[str, Any] = {"bare": False, "before": {}}  # why the user has to confirm
        self._token: Token | None = None
        self._skew = 0.0  # seconds by which the server's clock is ahead

    def start(self) -> SignInFlow:
        """Finish immediately if the saved sign-in still works. If not, open the first request or ask for the app."""
        saved = require_person(store.load(self.profile))
        client = self._preset_client or (saved.client if saved is not None else None)
        self._server = self._server if client is None else client.server
        self._is_box = saved is None or saved.is_box
        if saved is not None and saved.token is not None:
            if client is not None and client != saved.client:
                saved = save_client(self.profile, client) or saved  # the sandbox restarted on another port
            if self._still_works(saved):
                return self
        if client is not None:
            self._register(client, self.alert)
        else:
            self.on_change()
        return self

    def offer(self, redirect_uri: str) -> None:
        """Suggest a redirect URI to register, unless the user has typed one."""
        if self.draft["redirect_uri"] == self.default_redirect:
            self.draft["redirect_uri"] = redirect_uri
        self.default_redirect = redirect_uri

    def draft_secret(self, value: str) -> None:
        """Remember a typed client secret, so that the field can be cleared immediately."""
        if value.strip():
            self._secret = Secret(value.strip())
            self.on_change()

    def register(self, client_id: str, client_secret: str = "", redirect_uri: str = "") -> None:
        """Check the app that the user typed, save it and open the first request."""
        self.draft = {
            "client_id": client_id.strip(),
            "redirect_uri": redirect_uri.strip() or self.default_redirect,
        }
        if client_secret.strip():
            self._secret = Secret(client_secret.strip())
        if problem := messages.app_problem(**self.draft, client_secret=self._secret):
            self._show_alert(problem)
            return
        client = Client(self.draft["client_id"], self._secret, self.draft["redirect_uri"], self._server)
        self._register(client)

    def change_app(self) -> None:
        """Go back to step 1. The saved app and token pair stay until they are replaced."""
        with self._lock:
            if self._client is not None:
                self.draft = {"client_id": self._client.client_id, "redirect_uri": self._client.redirect_uri}
                self._secret = self._client.client_secret
            self.step, self.alert, self.note, self._state = "register", "", "", ""
        self.on_change()

    def new_request(self, alert: str = "", note: str = "") -> None:
        """Open a new request with a new link, and a state that is valid until the next one. The receiver waits for its redirect."""
        with self._lock:
            if self._client is None:
                return
            self._state = oauth.new_state()
            self._verifier = oauth.new_verifier() if self._client.server.pkce else None
            self._pending, self._caught_at, self.busy = None, None, False
            redirect_uri = self._listen(self._client.redirect_uri)
            self._request = dataclasses.replace(self._client, redirect_uri=redirect_uri)
            self.step, self.alert, self.note = "open", alert, note
        self.on_change()

    def opened(self) -> None:
        """Record that the user followed the link to Box, and reopen the receiver if it has closed in the meantime."""
        with self._lock:
            if self._receiver and self._request and not listening_url(self._receiver):
                self._listen(self._request.redirect_uri)
            self.alert, self.note = "", messages.waiting_for(self._server.name)
        self.on_change()

    def paste(self, text: str) -> None:
        """Handle pasted text: a redirect URL with its state, or a bare code, which the user then has to confirm."""
        self._handle_redirect(text, bare=oauth.is_bare_code(text) and self._is_box)

    def receive(self, url: str) -> None:
        """Handle the redirect URL that the receiver caught."""
        self._handle_redirect(url, bare=False, caught=True)

    def confirm(self, yes: bool) -> None:
        """Handle the answer to "Is this you?". If the user declines, save nothing and revoke the pair."""
        with self._lock:
            if self.step != "confirm" or self._pending is None or self.busy:
                return
            client, token = self._pending
            self._pending, state = None, self._state  # from here on, cancelling has nothing to revoke
            self.busy, self.alert = True, ""
        self.on_change()
        choice = (self._save, client, token, state, self._account) if yes else (self._reject, client, token)
        self._in_thread(*choice)

    def cancel(self) -> None:
        """Stop the sign-in, so that `panel.done()` raises `SignInCancelled`. The user can start again."""
        with self._lock:
            if self.step == "done":
                return
            self.step, self._state, self.alert = "stopped", "", ""
            self.note = messages.cancelled_note(self.profile)
            self.failure = SignInCancelled(messages.CANCELLED)
            pending, self._pending = self._pending, None
        self.close()
        if pending is not None:
            self._in_thread(revoke_unwanted, self.profile, *pending)
        self.on_change()

    def again(self) -> None:
        """Start again after `cancel`, or after a finished sign-in."""
        self.failure = None
        if self._client is None:
            self.step = "register"
            self.on_change()
        else:
            self.new_request()

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.close()

    def wait_for_browser(self, seconds: float) -> None:
        """Wait until the browser has its last page, for at most ``seconds``. Without a caught redirect, return immediately."""
        if self._receiver is not None:
            self._receiver.wait_for_browser(seconds)

    @property
    def finished(self) -> bool:
        """Whether the flow has ended: signed in, cancelled or failed."""
        return self.step == "done" or self.failure is not None

    def snapshot(self) -> dict[str, Any]:
        """Return JSON values for a view, without any secret. ``left`` is the number of seconds until the code expires."""
        with self._lock:
            client = self._client if self.step != "register" else None
            secret = client.client_secret if client is not None else self._secret
            app = (client.client_id, client.redirect_uri) if client else tuple(self.draft.values())
            token = self._token if self.step == "done" else None
            return {
                **{name: getattr(self, name) for name in ("step", "busy", "profile", "alert", "note")},
                **dict(zip(self.draft, app, strict=True)),
                "practice": self._practice,
                "server": self._server.name,
                "secret": secret.fingerprint if secret else "",
                "default_redirect": self.default_redirect,
                "listening": listening_url(self._receiver) if token is None else "",
                "authorize_url": self._link(),
                "left": self._code_seconds_left(),
                "who": messages.account_fields(self._account) if self.step in ("confirm", "done") else {},
                **self._to_confirm,
                "saved": messages.saved_pair(self.profile, token, self._clock() + self._skew),
            }

    def _still_works(self, saved: store.Profile) -> bool:
        """Return whether the saved sign-in works, and finish if it does. The form appears only if Box clearly refuses it."""
        works, message, self._account = try_saved_sign_in(self.profile, saved)
        if not works:
            self.alert = message
            return False
        current = store.load(self.profile) or saved
        self._client, self._token, self._skew = current.client, current.token, current.skew
        self.step, self.note = "done", message
        self.on_change()
        return True

    def _register(self, client: Client, alert: str = "") -> None:
        try:
            save_client(self.profile, client)
        except (BoxNotebookError, OSError) as error:
            self._show_alert(self._message(error))
            return
        self._client = client
        self.new_request(alert=alert)

    def _listen(self, redirect_uri: str) -> str:
        """Listen at the redirect URI if possible. Return the URI to send in the request."""
        if self._receiver is not None and self._receiver.waits_for(redirect_uri):
            self._receiver.expect(self._state)
            self._receiver.close_soon(self._seconds)
        else:
            self.close()
            self._receiver = wait_at(
                redirect_uri, self._state, self.receive, self._seconds, self._server.name
            )
        return redirect_uri if self._receiver is None else self._receiver.redirect_uri

    def _link(self) -> str:
        if self.step != "open" or self._request is None:
            return ""
        challenge = None if self._verifier is None else oauth.challenge(self._verifier)
        return oauth.authorization_url(self._request, self._state, code_challenge=challenge)

    def _code_seconds_left(self) -> float | None:
        if self._caught_at is None:
            return None
        return max(0.0, CODE_SECONDS - (self._monotonic() - self._caught_at))

    def _handle_redirect(self, text: str, *, bare: bool, caught: bool = False) -> None:
        # Notify the view after the lock is released, because the view may be waiting for a snapshot.
        with self._lock:
            if self.busy or self.step != "open" or self._request is None:
                return
            client, state = self._request, self._state
            failure: errors.SignInError | None = None
            try:
                code = oauth.parse_redirect(text, state=state, allow_bare_code=bare, server=client.server)
                self.busy, self.alert, self._caught_at = True, "", self._monotonic()
                self.note = messages.EXCHANGING
            except errors.SignInError as error:
                failure = error
        if failure is None:
            self.on_change()
            self._in_thread(self._exchange, client, code, state, bare)
        elif isinstance(failure, errors.RedirectError) or (caught and not failure.checked):
            # Any web page can call the receiver with a redirect that is not for this request. The right one may follow.
            self._show_alert(self._message(failure))
        else:
            self.new_request(alert=self._message(failure))

    def _exchange(self, client: Client, code: Secret, state: str, bare: bool) -> None:
        with profile_session(self.profile) as http:
            token = oauth.exchange_code(
                client, code, code_verifier=self._verifier, http=http, clock=self._clock
            )
        with self._lock:
            if self._state != state:  # cancelled in the meantime
                self._in_thread(revoke_unwanted, self.profile, client, token)
                return
            self._caught_at = None
        before = saved_account(self.profile)
        if not bare and not before:
            self._save(client, token, state)
            return
        account = who_is_or_revoke(self.profile, client, token)
        before = before if is_other_account(before, account) else {}
        if bare or before:
            why = {"bare": bare, "before": messages.account_fields(before) if before else {}}
            self._ask_for_confirmation(client, token, state, account, why)
        else:
            self._save(client, token, state, account)

    def _ask_for_confirmation(
        self, client: Client, token: Token, state: str, account: dict[str, Any], why: dict[str, Any]
    ) -> None:
        """Show the account before anything is saved: of a code without its state, or if it is not the same as before."""
        with self._lock:
            current = self._state == state
            if current:
                self._account, self._to_confirm, self._pending = account, why, (client, token)
                self.busy, self.step = False, "confirm"
                self.note = messages.BARE_CODE if why["bare"] else messages.OTHER_ACCOUNT
        if not current:  # cancelled in the meantime
            revoke_unwanted(self.profile, client, token)
        self.on_change()

    def _reject(self, client: Client, token: Token) -> None:
        failure = revoke_unwanted(self.profile, client, token)
        if self.step == "confirm":  # not cancelled in the meantime
            self.new_request(alert=failure, note=messages.rejected(client.server.name))

    def _save(self, client: Client, token: Token, state: str, account: dict[str, Any] | None = None) -> None:
        """Save the token pair with the registered redirect URI, unless the flow was cancelled in the meantime."""
        self._skew = token.obtained_at - self._clock()
        app = self._client or client
        if save_or_revoke(self.profile, app, token, self._skew, account, lambda: self._state == state):
            self._finish(client, token, account or {})

    def _finish(self, client: Client, token: Token, account: dict[str, Any]) -> None:
        """Ask Box which account signed in. The pair is already saved, so a failure here does not undo the sign-in."""
        note = messages.SIGNED_IN
        if not account and self._is_box:
            try:
                account = who_is(self.profile, client, token)
                save_account(self.profile, token, account)
            except (OSError, BoxNotebookError) as error:
                note = messages.saved_but_unknown(error, self._server.name)
        with self._lock:
            self._account, self._token, self._pending, self._state = account, token, None, ""
            self.step, self.busy, self.note, self.alert = "done", False, note, ""
            if self._receiver is not None:
                self._receiver.close_soon()
        self.on_change()

    def _in_thread(self, work: Callable[..., object], *arguments: Any) -> None:
        state = self._state

        def run() -> None:
            try:
                work(*arguments)
            except (OSError, BoxNotebookError) as error:
                if self.step not in ("open", "confirm") or self._state != state:
                    return
                if isinstance(error, errors.InvalidClientError) and not self._practice:
                    self.change_app()  # the user may have mistyped the client ID or the secret
                    self._secret, self.busy = Secret(""), False
                    self._show_alert(self._message(error))
                else:
                    self.new_request(alert=self._message(error))
            except Exception as error:  # noqa: BLE001 - otherwise `panel.done()` would wait forever
                self.failure, self.busy = error, False
                self._show_alert(messages.defect(error))

        threading.Thread(target=run, name="boxnb-sign-in", daemon=True).start()

    def _message(self, error: BaseException) -> str:
        return messages.in_one_sentence(error, self._server.name)

    def _show_alert(self, alert: str) -> None:
        self.alert = alert
        self.on_change()
