"""`fercli evaluate`."""

def evaluate() -> None:
    """List the evaluate."""
