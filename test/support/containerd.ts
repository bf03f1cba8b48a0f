import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A containerd of this test alone. */
export interface Containerd {
  /** Imports and unpacks an archive, and forgets it again. @returns what it printed where it was refused */
  refusalOf(archive: string): string | undefined;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;

/** Starts `containerd` in a scratch directory of its own, with no use of the system's, and waits until it answers. */
export async function startContainerd(): Promise<Containerd> {
  // Not the system's directory for temporary files: sockets must stay under 108 bytes.
  const scratch = mkdtempSync('/tmp/tarseal-containerd-');
  const socket = join(scratch, 's');
  const config = join(scratch, 'config.toml');
  writeFileSync(
    config,
    [
      'version = 2',
      `root = "${scratch}/root"`,
      `state = "${scratch}/state"`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      '[grpc]',
      `address = "${socket}"`,
    ].join('\n'),
  );
  const daemon = spawn('containerd', ['--config', config], { stdio: 'ignore' });
  let failure: Error | undefined;
  daemon.on('error', (error) => {
    failure = error;
  });
  const killAtExit = (): void => {
    daemon.kill('SIGTERM');
  };
  process.once('exit', killAtExit);
  const stop = async (): Promise<void> => {
    process.off('exit', killAtExit);
    if (daemon.pid !== undefined && daemon.exitCode === null && daemon.signalCode === null) {
      const exited = new Promise((resolve) => daemon.once('exit', resolve));
      daemon.kill('SIGTERM');
      await exited;
    }
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  const ctr = (...args: string[]) => spawnSync('ctr', ['--address', socket, ...args]);

  const deadline = Date.now() + START_TIMEOUT_MS;
  while (ctr('version').status !== 0) {
    if (failure || daemon.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error('containerd does not answer', { cause: failure });
    }
    await sleep(100);
  }
  return {
    refusalOf(archive) {
      const { status, stdout, stderr } = ctr('images', 'import', '--snapshotter', 'native', archive);
      const names = ctr('images', 'ls', '--quiet').stdout.toString().split('\n').filter(Boolean);
      // Without this, layers would be those of the image before.
      if (names.length > 0) ctr('images', 'rm', '--sync', ...names);
      return status === 0 ? undefined : `${stdout}${stderr}`;
    },
    stop,
  };
}
