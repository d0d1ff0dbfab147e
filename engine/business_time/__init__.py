"""Time as a business counts it: calendars, holidays, durations, working hours."""
