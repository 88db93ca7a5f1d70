"""The ground floor of the library, which contains no science: errors, files, logs, programs, seeds and units."""
