"""What a person sees in the notebook."""

from boxnb.widgets.flow import SignInFlow
from boxnb.widgets.panel import SignIn, sign_in

__all__ = ["SignIn", "SignInFlow", "sign_in"]
