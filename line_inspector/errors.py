"""What a user did wrong, in one line: the only exception that the command line and the stations turn into text."""

EXIT_BAD_INPUT = 2


class InputError(Exception):
    """Bad input: a file, a configuration key, a device. Ends a command with EXIT_BAD_INPUT and one line, no traceback.

    `what` says what is wrong, `where` names the file, key or device, `remedy` says what to do next.
    """

    def __init__(self, what: str, where: str, remedy: str) -> None:
        super().__init__(" ".join(f"{where}: {what}. {remedy}".splitlines()))  # a file's name may hold a line break
        self.what, self.where, self.remedy = what, where, remedy
