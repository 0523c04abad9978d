"""How fast this machine is, hop by hop: engine, transport, whole line, and what the hardware could do."""
