"""HTTP layer: API Gateway requests and answers, problem details, CORS, the admin key."""
