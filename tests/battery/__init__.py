"""The proof of the diagnosis: each fault is made for real, and no fault gives no finding."""
