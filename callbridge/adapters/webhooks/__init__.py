"""Webhooks: which facts they tell, how they are delivered."""
