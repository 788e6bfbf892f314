"""Pure values and rules: what a run, a version, a gate or a promotion is and when it is legal.

Nothing in here reads a file, a socket, a clock, a random source or the environment; whatever a rule
needs to know is an argument. Keeping, sending and showing things live in the layers above.
"""
