"""Programs that run in other tools' own environments; they import nothing of nlptrain."""
