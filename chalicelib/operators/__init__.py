"""What operators call by hand: each a function of its own, with one JSON value in and one out."""
