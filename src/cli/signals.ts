import { print } from './print.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Signals {
  readonly signal: AbortSignal;
  /**
   * From here on a signal aborts the work, which cleans up; a second one ends the process at once. Before, signals do
   * what they always do: there is nothing to clean up, and reading a tree gives no turn in which one could be heard.
   */
  readonly install: () => void;
}

/**
 * Runs work that a signal aborts. When it has cleaned up, the process ends by that same signal, so that a shell or a
 * supervisor sees what happened; work that was done all the same is a success. Who does not end then removes them.
 */
export async function runWithSignals(
  signals: Signals & { received(): NodeJS.Signals | undefined; remove(): void },
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const received = signals.received();
    if (received === undefined) throw error;
    signals.remove();
    print(2, `tarseal: ended by ${received}\n`);
    process.kill(process.pid, received);
  }
}

/** Signals that are not yet listened to, for {@link runWithSignals} and the commands that it runs. */
export function createSignals(): Parameters<typeof runWithSignals>[0] {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const remove = (): void => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (received !== undefined) {
      remove();
      process.kill(process.pid, signal);
    }
    received ??= signal;
    controller.abort(new Error(`received ${signal}`));
  };
  return {
    signal: controller.signal,
    install() {
      for (const signal of SIGNALS) process.on(signal, onSignal);
    },
    received: () => received,
    remove,
  };
}
