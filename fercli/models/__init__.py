"""The registry of models, and everything that makes one of its entries label faces."""
