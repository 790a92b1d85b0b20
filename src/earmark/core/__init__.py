"""Ground floor: errors, units, identity, randomness, files, progress, settings."""
