"""The errors for a profile that does not exist, or in which nobody is signed in. They suggest a profile with a similar name."""

from __future__ import annotations

from ..errors import NotSignedInError
from ..local import reader
from ..local.similar import closest, question
from .files import SANDBOX, names


def similar(name: str) -> str:
    """Return the saved profile, or the sandbox, whose name is most similar to this one; empty if there is none."""
    return closest(name, [SANDBOX, *names()])


def did_you_mean(name: str) -> str:
    """Return the question whether a similar profile was meant, after a space; empty if there is none."""
    return question(name, [SANDBOX, *names()])


def no_profile(name: str) -> NotSignedInError:
    """Return the error for a profile that does not exist."""
    return NotSignedInError(
        f"There is no profile {name!r}.{did_you_mean(name)} "
        f"{reader.to_list_profiles()} lists the profiles that exist; to create this one, {reader.to_sign_in(name)}."
    )


def nobody_signed_in(name: str, *, is_saved: bool) -> NotSignedInError:
    """Return the error for a profile without a sign-in. ``is_saved`` is whether the profile exists."""
    suggestion = "" if is_saved else did_you_mean(name)
    return NotSignedInError(
        f"Nobody is signed in as {name!r} yet.{suggestion} {reader.as_sentence(reader.to_sign_in(name))}"
    )
