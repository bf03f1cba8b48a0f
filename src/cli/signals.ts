const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs work that a signal aborts: the work cleans up, then the process ends by that same signal, so that a shell or a
 * supervisor sees what happened.
 */
export async function runWithSignals(work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    received ??= signal;
    controller.abort(new Error(`received ${signal}`));
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    await work(controller.signal);
  } catch (error) {
    if (received === undefined) throw error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    if (received !== undefined) {
      process.stderr.write(`tarseal: ended by ${received}: nothing was written\n`);
      process.kill(process.pid, received);
    }
  }
}
