"""Exports, loaded in a new process and compared with their models."""
