"""The loop that enlarges the database: decisions, Bayesian optimisation, history, learning curves."""
