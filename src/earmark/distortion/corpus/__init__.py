"""Clean sound from sources that anyone can install, and the faults that are made of it."""
