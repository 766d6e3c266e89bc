"""The rows of the world and the vocabulary of the core: entities, events, orders and facts."""
