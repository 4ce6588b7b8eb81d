"""`python -m fercli` is the same as `fercli`."""

from fercli.cli import main

if __name__ == "__main__":
    main()
