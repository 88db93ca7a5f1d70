def render(*a): return "todo"
