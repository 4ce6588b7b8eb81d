"""`fercli models`."""

def models() -> None:
    """List the models."""
