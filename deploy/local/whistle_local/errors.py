"""The one error of this package. Its text is a sentence for the person at the keyboard: what is wrong, what to do."""


class StackError(Exception):
    """The stack cannot start or go on; the message says what to install, free or change."""
