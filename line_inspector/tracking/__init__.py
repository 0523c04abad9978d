"""Where parts lie on the belt and how far from each other: from the trigger to the window at the gate."""
