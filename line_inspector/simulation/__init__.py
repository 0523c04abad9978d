"""The world: a conveyor with its triggers and its gate, and its own record of which part fell into which bin."""
