"""The one exception a person may see: what is wrong, where, and what to do."""


class VitalsError(Exception):
    """Bad input or a failed step. The message is complete: it is printed alone, without a traceback."""
