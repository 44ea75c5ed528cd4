"""The simulation: services, client, webhook view and Admin are real, all else comes of a seed."""
