"""A run: opened, trained, and written into its folder."""
