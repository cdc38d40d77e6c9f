"""Times a network in every runtime of a machine, to choose the fastest."""
