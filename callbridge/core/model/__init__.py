"""The rows of the world and the vocabulary of the core: what there is, what can happen, what can be ordered, what is told."""
