"""What operators call by hand: report, resend, audit, any provider call."""
