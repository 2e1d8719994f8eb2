"""Triggers at work: which of them a commit meets, and the sandboxes that they start. All of it in the background."""
