"""Reads released weights."""
