"""Programs that run in the environments of other tools; they import nothing of nlptrain."""
