"""Double opt-in: the confirmation mail of a form's signup, its link, and what follows from a click."""
