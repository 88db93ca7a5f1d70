"""Functions that take tables and return a matplotlib figure with the table of the numbers drawn."""
