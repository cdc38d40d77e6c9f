"""The `keras-mixers` command."""
