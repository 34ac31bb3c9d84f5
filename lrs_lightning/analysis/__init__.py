"""See why a policy holds up."""
