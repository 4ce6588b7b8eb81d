"""fercli: train, judge and run convolutional networks for facial expressions."""

__version__ = "0.2.0"
