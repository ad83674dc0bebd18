"""What the database looks like: its catalogue as data that can be compared."""
