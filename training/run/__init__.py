"""The folder of a run: what it is, how far it is, what came out."""
