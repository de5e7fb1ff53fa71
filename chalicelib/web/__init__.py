"""HTTP: requests and answers of API Gateway, problems, cross-origin rules, the admin key."""
