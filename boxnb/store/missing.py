"""The errors for a profile that does not exist, or in which nobody is signed in. They suggest a profile with a similar name."""

from __future__ import annotations

import difflib

from ..errors import NotSignedInError
from ..local import reader
from .files import SANDBOX, names


def similar(name: str) -> str:
    """Return the saved profile, or the sandbox, whose name is most similar to this one; empty if there is none."""
    by_lower = {other.lower(): other for other in [SANDBOX, *names()] if other != name}
    matches = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.75)
    return by_lower[matches[0]] if matches else ""


def did_you_mean(name: str) -> str:
    """Return the question whether a similar profile was meant, after a space; empty if there is none."""
    other = similar(name)
    return f" Did you mean {other!r}?" if other else ""


def no_profile(name: str) -> NotSignedInError:
    """Return the error for a profile that does not exist."""
    return NotSignedInError(
        f"There is no profile {name!r}.{did_you_mean(name)} "
        f"{reader.to_list_profiles()} lists the profiles that exist; to create this one, {reader.to_sign_in(name)}."
    )


def nobody_signed_in(name: str, *, is_saved: bool) -> NotSignedInError:
    """Return the error for a profile without a sign-in. ``is_saved`` is whether the profile exists."""
    question = "" if is_saved else did_you_mean(name)
    return NotSignedInError(
        f"Nobody is signed in as {name!r} yet.{question} {reader.as_sentence(reader.to_sign_in(name))}"
    )
