"""Human judgement: escalations, exceptions, the kill switch, and whom to notify of them."""
