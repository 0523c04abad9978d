"""Faults done to a line on purpose, one file for each kind, and what the world's own record then says of the line."""
