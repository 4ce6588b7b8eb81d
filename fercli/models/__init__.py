"""The registry of models, and everything that an entry needs to label faces."""
