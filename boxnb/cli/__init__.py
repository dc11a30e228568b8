"""The command line: one module per verb. Nothing imports this folder except ``__main__``."""

from .run import main, run_command  # noqa
