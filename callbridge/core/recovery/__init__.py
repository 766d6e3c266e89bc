"""What to do when the books and the PBX disagree, an order fails, a step raises, or callbridge was away."""
