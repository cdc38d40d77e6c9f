"""TFLite files, for phones and other small devices."""
