"""Webhooks to clients: where they go, what is sent, and what came of it."""
