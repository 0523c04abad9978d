"""Workers that share one line, here and on other hosts: keys, connections, and who gets which frame."""
