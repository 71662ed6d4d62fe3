"""The one exception that is the user's to mend."""


class UserError(ValueError):
    """A mistake in what was asked for: one sentence for the user, exit code 2, nothing written or lost."""
