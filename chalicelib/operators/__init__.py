"""Functions that operators invoke by hand: report, resend, audit, provider calls."""
