"""What `train` does: a recipe and a data set to the weights of a network."""
