"""The panel for secrets that later sign in without a person: a view over `boxnb.signin.credentials.CredentialsForm`.

Like the sign-in panel, it sends what is typed as custom messages, which a notebook never saves, and empties secret fields at once::

    {"type": "submit", "values": {"client_id": ..., "client_secret": ...}}
    {"type": "cancel"} {"type": "again"}

The other messages, and the wait in `done()`, are those of `boxnb.widgets.sign_in_panel`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from boxnb import servers, store
from boxnb.signin.credentials import CredentialsForm
from boxnb.widgets import javascript
from boxnb.widgets.sign_in_panel import SignIn

if TYPE_CHECKING:
    from boxnb.box import Box
    from boxnb.servers import ServerSession

_HERE: Final = Path(__file__).parent


class Credentials(SignIn):
    """The panel that saves one profile's secrets. `await panel.done()` makes the following cells wait until they are saved."""

    _esm = javascript.join_modules(_HERE / "credentials_panel_view.js")

    flow: Any  # a CredentialsForm, which has what the wait of the other panel needs

    def __init__(self, form: CredentialsForm, *, seconds: float = 900) -> None:
        super().__init__(form, seconds=seconds)  # type: ignore[arg-type]

    def _view_state(self) -> dict[str, object]:
        snapshot: dict[str, object] = self.flow.snapshot()
        return snapshot | {"advice": self._advice, "unchecked": self._unchecked}

    def _act(self, fields: dict[str, str], content: dict[str, Any]) -> None:
        match fields.get("type"):
            case "ready":
                self._publish()
            case "submit":
                values = content.get("values")
                if isinstance(values, dict):
                    self.flow.submit(
                        {name: value for name, value in values.items() if isinstance(value, str)}
                    )
            case "cancel":
                self.flow.cancel()
            case "again":
                self.flow.again()

    async def done(self) -> Box | ServerSession:  # type: ignore[override]
        """Wait until the secrets are saved, then return the connection.

        Returns
        -------
        Box or ServerSession
            What `boxnb.connect(profile)` or `boxnb.servers.connect(profile)` returns.

        Raises
        ------
        SignInCancelled
            The user cancelled in the panel or pressed Interrupt, or nobody can enter anything here.
        SignInTimeout
            Nobody entered anything within `seconds`.
        """
        return await super().done()

    def _still_works(self) -> bool:
        saved = store.load(self.flow.profile)
        return saved is not None and saved.has_access and not saved.refused

    def _connection(self) -> Any:
        saved = store.load(self.flow.profile)
        if saved is not None and not saved.is_box:
            return servers.connect(self.flow.profile)
        return super()._connection()
