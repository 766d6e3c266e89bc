"""The statistics of predictive dialling: what was learned, what may be abandoned, how many numbers to dial. Knows no calls."""
