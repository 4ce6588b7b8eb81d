"""What `train` does: it makes the weights of a network from a recipe and a data set."""
