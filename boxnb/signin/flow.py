"""The sign-in as a plain state object: no widgets, no event loop, every decision of the panel.

Whatever happens to the flow (a paste, a redirect caught by the receiver, a yes or no) is a method that returns at
once; work on the network runs in a thread. `snapshot` is what a view may show and holds no secret.
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
from boxnb.oauth.failures import called
from boxnb.oauth.receiver import Receiver
from boxnb.oauth.token import Token
from boxnb.secret import Secret
from boxnb.signin import messages
from boxnb.signin.account import (
    is_saved,
    keep_account,
    keep_client,
    keep_pair,
    session,
    throw_away,
    tried,
    who_is,
)
from boxnb.signin.jupyterhub import listens_at, wait_at

CODE_SECONDS: Final = 30.0  # Box guide "Expiration of tokens": an authorization code lives 30 seconds
DEFAULT_REDIRECT: Final = "http://127.0.0.1:8917/callback"

Step = Literal["register", "open", "confirm", "done", "stopped"]


class SignInFlow:
    """One person signing one profile in.

    ``client`` is the registered app where it is known already, ``server`` where an app typed into the panel is
    registered; ``practice`` says that this is the sandbox, so step 1 only tells what one would do at the real Box;
    ``seconds`` bounds the receiver of a request; ``on_change`` is called after every change, from any thread.
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
        self._given = client
        self._client: Client | None = None
        self._secret = Secret("")  # typed, not saved yet
        self._server = client.server if client is not None else server
        self._practice = practice
        self._seconds = seconds
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._state = ""
        self._verifier: Secret | None = None
        self._request: Client | None = None  # the client with the redirect URI of the request that is open
        self._receiver: Receiver | None = None
        self._caught_at: float | None = None
        self._pending: tuple[Client, Token] | None = None
        self._account: dict[str, Any] = {}
        self._token: Token | None = None
        self._skew = 0.0  # seconds the server's clock is ahead

    def start(self) -> SignInFlow:
        """Look at what is saved: finish at once when it still works, else open the first request or ask for the app."""
        saved = store.load(self.profile)
        known = self._given or (saved.client if saved is not None else None)
        if known is not None:
            self._server = known.server
        if saved is not None and saved.token is not None:
            if known is not None and known != saved.client:
                saved = keep_client(self.profile, known) or saved  # the sandbox came back at another port
            if self._still_works(saved):
                return self
        if known is not None:
            self._register(known, self.alert)
        else:
            self._changed()
        return self

    def offer(self, redirect_uri: str) -> None:
        """Suggest another redirect URI to register; one that the person typed stays."""
        if self.draft["redirect_uri"] == self.default_redirect:
            self.draft["redirect_uri"] = redirect_uri
        self.default_redirect = redirect_uri

    def draft_secret(self, value: str) -> None:
        """Keep a client secret that was typed, so that the field can be emptied at once."""
        if value.strip():
            self._secret = Secret(value.strip())
            self._changed()

    def register(self, client_id: str, client_secret: str = "", redirect_uri: str = "") -> None:
        """Take the app as the person typed it, save it, open the first request."""
        self.draft = {
            "client_id": client_id.strip(),
            "redirect_uri": redirect_uri.strip() or self.default_redirect,
        }
        if client_secret.strip():
            self._secret = Secret(client_secret.strip())
        if problem := messages.app_problem(**self.draft, client_secret=self._secret):
            self._say(problem)
            return
        client = Client(self.draft["client_id"], self._secret, self.draft["redirect_uri"], self._server)
        self._register(client)

    def change_app(self) -> None:
        """Go back to step 1; what is saved stays until something replaces it."""
        with self._lock:
            if self._client is not None:
                self.draft = {"client_id": self._client.client_id, "redirect_uri": self._client.redirect_uri}
                self._secret = self._client.client_secret
            self.step, self.alert, self.note, self._state = "register", "", "", ""
        self._changed()

    def new_request(self, alert: str = "", note: str = "") -> None:
        """Open a fresh request: new state, new link, the receiver waiting for it."""
        with self._lock:
            if self._client is None:
                return
            self._state = oauth.new_state()
            self._verifier = oauth.new_verifier() if self._client.server.pkce else None
            self._pending, self._caught_at, self.busy = None, None, False
            here = self._listen(self._client.redirect_uri)
            self._request = dataclasses.replace(self._client, redirect_uri=here)
            self.step, self.alert, self.note = "open", alert, note
        self._changed()

    def opened(self) -> None:
        """The person followed the link to Box; a receiver that has closed meanwhile listens there again."""
        with self._lock:
            if self._receiver and self._request and not listens_at(self._receiver):
                self._listen(self._request.redirect_uri)
            self.alert, self.note = "", f"Waiting for the answer of {called(self._server.name)}."
        self._changed()

    def paste(self, text: str) -> None:
        """Take what was pasted: a redirect address with its state, or a bare code, which then needs a yes."""
        self._answer(text, bare=oauth.is_bare_code(text))

    def receive(self, url: str) -> None:
        """Take the redirect address the receiver caught."""
        self._answer(url, bare=False, caught=True)

    def confirm(self, yes: bool) -> None:
        """Answer to "is this you?" after a bare code; without a yes nothing is saved and the pair is revoked."""
        with self._lock:
            if self.step != "confirm" or self._pending is None or self.busy:
                return
            client, token = self._pending
            self._pending, state = None, self._state  # who cancels from now on finds nothing to revoke
            self.busy, self.alert = True, ""
        self._changed()
        work = (self._keep, client, token, state, self._account) if yes else (self._reject, client, token)
        self._in_thread(*work)

    def cancel(self) -> None:
        """Stop; whoever waits is told. The panel can start again."""
        with self._lock:
            if self.step == "done":
                return
            self.step, self._state, self.alert = "stopped", "", ""
            self.note = messages.cancelled_words(self.profile)
            self.failure = SignInCancelled("Sign-in was cancelled: run the panel's cell and this one again.")
            pending, self._pending = self._pending, None
        self.close()
        if pending is not None:
            self._in_thread(throw_away, self.profile, *pending)
        self._changed()

    def again(self) -> None:
        """Start again after `cancel` or after the end."""
        self.failure = None
        if self._client is None:
            self.step = "register"
            self._changed()
        else:
            self.new_request()

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.close()

    @property
    def finished(self) -> bool:
        """Whether there is an outcome: signed in, cancelled or broken."""
        return self.step == "done" or self.failure is not None

    def snapshot(self) -> dict[str, Any]:
        """What a view may show: plain JSON values and no secret."""
        with self._lock:
            client = self._client if self.step != "register" else None
            secret = client.client_secret if client is not None else self._secret
            app = (
                (client.client_id, client.redirect_uri) if client is not None else tuple(self.draft.values())
            )
            done = self.step == "done"
            return {
                **{name: getattr(self, name) for name in ("step", "busy", "profile", "alert", "note")},
                **dict(zip(self.draft, app, strict=True)),
                "practice": self._practice,
                "server": self._server.name,
                "secret": secret.fingerprint if secret else "",
                "default_redirect": self.default_redirect,
                "listening": listens_at(self._receiver),
                "authorize_url": self._link(),
                "left": self._left(),
                "who": messages.words(self._account) if self.step in ("confirm", "done") else {},
                "saved": messages.saved_words(self.profile, self._token, self._clock() + self._skew)
                if done
                else {},
            }

    def _still_works(self, saved: store.Profile) -> bool:
        """Use the saved sign-in once; only a clear no from Box brings the form back."""
        works, said, self._account = tried(self.profile, saved)
        if not works:
            self.alert = said
            return False
        current = store.load(self.profile) or saved
        self._client, self._token, self._skew = current.client, current.token, current.skew
        self.step, self.note = "done", said
        self._changed()
        return True

    def _register(self, client: Client, alert: str = "") -> None:
        try:
            keep_client(self.profile, client)
        except (BoxNotebookError, OSError) as error:
            self._say(messages.in_one_sentence(error, self._server.name))
            return
        self._client = client
        self.new_request(alert=alert)

    def _listen(self, redirect_uri: str) -> str:
        """Wait at the redirect URI where that is possible; the URI to send."""
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

    def _left(self) -> float | None:
        if self._caught_at is None:
            return None
        return max(0.0, CODE_SECONDS - (self._monotonic() - self._caught_at))

    def _answer(self, text: str, *, bare: bool, caught: bool = False) -> None:
        # The view is told without the lock: it may be asking for a snapshot at this moment.
        with self._lock:
            if self.busy or self.step != "open" or self._request is None:
                return
            client, state = self._request, self._state
            trouble: errors.SignInError | None = None
            try:
                code = oauth.parse_redirect(text, state=state, allow_bare_code=bare, server=client.server)
                self.busy, self.alert, self._caught_at = True, "", self._monotonic()
                self.note = "The code is here: exchanging it for a token."
            except errors.SignInError as error:
                trouble = error
        if trouble is None:
            self._changed()
            self._in_thread(self._exchange, client, code, state, bare)
        elif isinstance(trouble, errors.RedirectError) or (caught and not trouble.checked):
            # Not an answer to this request: any page can call the receiver, and the right code may still come.
            self._say(messages.in_one_sentence(trouble, self._server.name))
        else:
            self.new_request(alert=messages.in_one_sentence(trouble, self._server.name))

    def _exchange(self, client: Client, code: Secret, state: str, bare: bool) -> None:
        with session(self.profile) as http:
            token = oauth.exchange_code(
                client, code, code_verifier=self._verifier, http=http, clock=self._clock
            )
        with self._lock:
            if self._state != state:  # cancelled meanwhile
                self._in_thread(throw_away, self.profile, client, token)
                return
            self._caught_at = None
        if bare:
            self._ask(client, token, state)
        else:
            self._keep(client, token, state)

    def _ask(self, client: Client, token: Token, state: str) -> None:
        """Show who a bare code belongs to before anything is saved."""
        try:
            account = who_is(self.profile, client, token)
        except (OSError, BoxNotebookError):
            throw_away(self.profile, client, token)
            raise
        with self._lock:
            current = self._state == state
            if current:
                self._account, self._pending = account, (client, token)
                self.busy, self.step = False, "confirm"
                self.note = "A code alone carries no state: nothing proves that your request led to it."
        if not current:  # cancelled meanwhile
            throw_away(self.profile, client, token)
        self._changed()

    def _reject(self, client: Client, token: Token) -> None:
        trouble = throw_away(self.profile, client, token)
        if self.step == "confirm":  # not cancelled meanwhile
            note = f"Nothing was saved. Sign in to {called(client.server.name)} as the right person."
            self.new_request(alert=trouble, note=note)

    def _keep(self, client: Client, token: Token, state: str, who: dict[str, Any] | None = None) -> None:
        """Put the pair on disk, unless cancelled meanwhile; the redirect URI kept with it is the registered one."""
        self._skew = token.obtained_at - self._clock()
        kept, registered = False, self._client or client
        try:
            kept = keep_pair(self.profile, registered, token, self._skew, who, lambda: self._state == state)
        finally:
            if not kept and not is_saved(self.profile, token):  # a save can fail late, with the pair in place
                throw_away(self.profile, client, token)
        if kept:
            self._finish(client, token, who or {})

    def _finish(self, client: Client, token: Token, account: dict[str, Any]) -> None:
        """Ask who signed in, with the pair already safe; a failure of that question does not undo the sign-in."""
        note = "Signed in."
        if not account:
            try:
                account = who_is(self.profile, client, token)
                keep_account(self.profile, token, account)
            except (OSError, BoxNotebookError) as error:
                note = f"Signed in and saved, but who it is could not be asked. {messages.in_one_sentence(error, self._server.name)}"
        with self._lock:
            self._account, self._token, self._pending, self._state = account, token, None, ""
            self.step, self.busy, self.note, self.alert = "done", False, note, ""
            receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.close_soon()
        self._changed()

    def _in_thread(self, work: Callable[..., object], *arguments: Any) -> None:
        asked = self._state

        def run() -> None:
            try:
                work(*arguments)
            except (OSError, BoxNotebookError) as error:
                if self.step not in ("open", "confirm") or self._state != asked:
                    return
                if isinstance(error, errors.InvalidClientError) and not self._practice:  # typing again helps
                    self.change_app()
                    self._secret, self.busy = Secret(""), False
                    self._say(messages.in_one_sentence(error, self._server.name))
                else:
                    self.new_request(alert=messages.in_one_sentence(error, self._server.name))
            except Exception as error:  # noqa: BLE001 - a defect goes to whoever waits, who would wait for ever
                self.failure, self.busy = error, False
                self._say(f"A defect in boxnb ({type(error).__name__}): run the cell with the panel again.")

        threading.Thread(target=run, name="boxnb-sign-in", daemon=True).start()

    def _say(self, alert: str) -> None:
        self.alert = alert
        self._changed()

    def _changed(self) -> None:
        self.on_change()
