"""The figures: functions that take tables and return a matplotlib figure and the table of the numbers drawn.

``report.catalogue`` lists the figures with their numbers in the paper. Only this package and ``report.page`` import
matplotlib.
"""
