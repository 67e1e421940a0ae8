"""What whistlectl says instead of a stack trace."""


class Refused(Exception):
    """The command cannot be carried out; the message is one sentence for the operator."""
