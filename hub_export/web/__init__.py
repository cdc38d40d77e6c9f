"""A model as a static web page, which runs it in the browser."""
