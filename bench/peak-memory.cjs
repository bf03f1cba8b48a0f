// Loaded before the program by the benchmark: says at the end how much memory the process had at its peak.
process.on('exit', () => process.stderr.write(`peak-memory-kib ${process.resourceUsage().maxRSS}\n`));
