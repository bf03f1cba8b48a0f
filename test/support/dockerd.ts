import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A Docker daemon of this test alone. */
export interface DockerDaemon {
  /** Runs `docker ARGS`; throws with what it printed when it fails. @returns its standard output */
  docker(args: readonly string[], input?: Uint8Array): string;
  /** Whether images are kept in containerd's store, where an image's Id is its manifest's digest. */
  readonly usesContainerdStore: boolean;
  /** Stops the daemon and removes everything that it made. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 50_000;
const STOP_TIMEOUT_MS = 20_000;

/** Why no daemon can be started here: its parts that are missing. Empty where it can. */
export function obstaclesOfDockerd(): string[] {
  if (process.platform !== 'linux') return ['dockerd needs Linux'];
  return process.getuid?.() === 0 ? [] : ['dockerd needs root'];
}

/**
 * Starts `dockerd` in a scratch directory of its own, with no network and no use of the system's daemon, and waits
 * until it answers.
 */
export async function startDockerd(): Promise<DockerDaemon> {
  // Not the system's directory for temporary files: sockets below --exec-root must stay under 108 bytes.
  const scratch = mkdtempSync('/tmp/tarseal-dockerd-');
  const socket = `unix://${join(scratch, 's')}`;
  const logFile = join(scratch, 'log');
  const log = openSync(logFile, 'w');
  const daemon = spawn(
    'dockerd',
    [
      ...['--iptables=false', '--ip6tables=false', '--bridge=none', '--storage-driver=vfs'],
      ...['--data-root', join(scratch, 'd'), '--exec-root', join(scratch, 'x'), '--pidfile', join(scratch, 'pid')],
      ...['-H', socket],
    ],
    { stdio: ['ignore', log, log] },
  );
  closeSync(log);
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
    await stopProcess(daemon, scratch);
    unmountBelow(scratch);
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  const environment = { ...process.env, DOCKER_HOST: socket, DOCKER_CONFIG: join(scratch, 'config') };
  const docker = (args: readonly string[], input?: Uint8Array): string => {
    const { status, stdout, stderr, error } = spawnSync('docker', args, {
      env: environment,
      input,
      maxBuffer: 64 * 2 ** 20,
    });
    if (error) throw error;
    if (status !== 0) throw new Error(`docker ${args.join(' ')} exited with ${status}:\n${stdout}${stderr}`);
    return stdout.toString('utf8');
  };

  const deadline = Date.now() + START_TIMEOUT_MS;
  while (spawnSync('docker', ['version'], { env: environment, stdio: 'ignore' }).status !== 0) {
    if (failure || daemon.exitCode !== null || Date.now() > deadline) {
      const said = readFileSync(logFile, 'utf8').split('\n').slice(-30).join('\n');
      await stop();
      throw new Error(`dockerd does not answer:\n${said}`, { cause: failure });
    }
    await sleep(100);
  }
  const driverStatus = docker(['info', '--format', '{{json .DriverStatus}}']);
  return { docker, usesContainerdStore: driverStatus.includes('io.containerd.snapshotter'), stop };
}

async function stopProcess(daemon: ChildProcess, scratch: string): Promise<void> {
  const containerd = readPid(join(scratch, 'x', 'containerd', 'containerd.pid'));
  if (daemon.pid !== undefined && daemon.exitCode === null && daemon.signalCode === null) {
    const exited = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    const timer = setTimeout(() => daemon.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }
  // dockerd stops the containerd that it started, unless it was killed.
  if (containerd !== undefined && existsSync(`/proc/${containerd}/cmdline`)) {
    if (readFileSync(`/proc/${containerd}/cmdline`, 'utf8').includes(scratch)) process.kill(containerd, 'SIGKILL');
  }
}

function readPid(path: string): number | undefined {
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : undefined;
}

function unmountBelow(folder: string): void {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((target) => target.startsWith(`${folder}/`));
  // The last mounted goes first: it may lie in an earlier one.
  for (const target of mounts.reverse()) execFileSync('umount', ['--lazy', target]);
}
