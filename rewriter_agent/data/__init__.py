"""Problems: the typed object, the sources and the embedded generator."""
