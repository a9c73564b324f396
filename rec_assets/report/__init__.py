"""What people read after a run: one HTML page, and the tables printed on the terminal."""
