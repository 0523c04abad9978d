"""`python -m line_inspector`: the command line, for processes that start it with their own interpreter."""

from line_inspector.commands import main

if __name__ == "__main__":
    main()
