"""The engine that moves customers out of users. Imported by nobody, deletable."""
