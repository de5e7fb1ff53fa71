"""Functions that operators invoke by hand: report, resend, resume, check, audit, provider calls; and the canary."""
