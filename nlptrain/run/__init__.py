"""What a command runs in: device, processes, seed and output folder. Import from its modules: some need torch."""
