"""The runs of a study, what they say together, and the report of it."""
