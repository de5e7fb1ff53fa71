"""Stores events, deliveries and subscription states in one DynamoDB table."""
