"""The brain: decides what is tried next, publishes it, records what came back."""
