"""What is wrong with the line, by name: how bad it is, what it does to the line, and what the operator does next."""
