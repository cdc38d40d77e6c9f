"""Speed beside other implementations, measured on the machine at hand."""
