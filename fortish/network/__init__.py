"""What `Exchange` reaches: the lab's embedded world, the host's network, or nothing."""
