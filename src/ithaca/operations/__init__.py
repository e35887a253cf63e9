"""What the system does: each operation written once, for every database and for both managers."""
