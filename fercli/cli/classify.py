"""`fercli classify`."""

def classify() -> None:
    """List the classify."""
