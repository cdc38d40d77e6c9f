"""Exports of the models to other formats."""
