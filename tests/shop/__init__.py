"""An app of a project with models of its own upon ours."""
