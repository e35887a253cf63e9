"""What comes in: schemas of bodies by noun, which refuse what they don't know."""
