"""What to do when the world and the PBX disagree, an order fails, a step raises, or callbridge was down."""
