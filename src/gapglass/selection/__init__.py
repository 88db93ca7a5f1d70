"""Which frames train a potential: nested databases and the strategies that learning curves compare."""
