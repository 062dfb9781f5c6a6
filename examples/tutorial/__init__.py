"""The application of the tutorial, one file a step."""
