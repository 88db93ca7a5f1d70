"""What every room stands on and no science: errors, files, logs, programs, seeds, units."""
