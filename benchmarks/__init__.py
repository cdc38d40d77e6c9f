"""Compares speed with other implementations, measured on the machine at hand."""
