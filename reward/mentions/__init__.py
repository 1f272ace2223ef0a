"""What a text mentions: numbers by value, names and terms."""
