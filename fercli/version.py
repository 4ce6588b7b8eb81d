"""The version; apart from `fercli`, which stands above all else, so that what writes it down need not import that."""

__version__ = "0.3.0"
