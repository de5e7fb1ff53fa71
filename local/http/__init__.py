"""API Gateway: HTTP in front of a function, as a REST API with Lambda proxy integration."""
