"""What Relais costs on AWS a month: counts measured over the embedded AWS, times the prices of a region."""
