"""Which part may pass: deadlines and policy as pure functions, without sockets or disks."""
