"""What diagrams, tables and forms have worked out: our closed language, scripts, and FEEL and JUEL said in it."""
