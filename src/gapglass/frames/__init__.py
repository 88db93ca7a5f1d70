"""From a user's trajectory files to checked canonical frames."""
