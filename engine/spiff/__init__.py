"""The one door to SpiffWorkflow: diagrams compiled to its specifications, its task tree stepped, saved and loaded."""
