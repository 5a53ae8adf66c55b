"""The picture of a session: one HTML page with what was typed and printed, and what went over the network."""
