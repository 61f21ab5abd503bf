"""What is measured, and how its data is made."""
