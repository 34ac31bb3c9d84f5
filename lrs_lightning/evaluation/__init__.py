"""How a policy holds up in closed loop: suites of shifts, results, statistics, figures, report."""
