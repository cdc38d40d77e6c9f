"""Compares exports with their models, after loading them in a new process."""
