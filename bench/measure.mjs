// Runs one program, as a shell script in a directory, and says what the whole tree of its processes took.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * `time` adds up the CPU time of all processes that the script has waited for. The clock is read by the same shell, so that
 * neither its start nor ours is in the figure.
 */
const WRAPPER = `
set -o pipefail
[ -z "$PRIORITY" ] || echo "$PRIORITY" > /proc/self/autogroup
TIMEFORMAT='%3U %3S'
start=$EPOCHREALTIME
{ time { eval "$SCRIPT"; } 2>&4; } 4>&2 2>&3
status=$?
end=$EPOCHREALTIME
echo "$start $end" >&3
exit $status`;

/** Linux gives each session a priority of its own; a process group that can be ended as a whole is a new session, and has ours. */
const [, PRIORITY = ''] = /nice (-?\d+)/.exec(readProc('self/autogroup')) ?? [];

/**
 * What programs see of our environment. Variables that tell Node how to run are not theirs: `NODE_EXTRA_CA_CERTS`, which a
 * machine behind a proxy has, alone makes each start of Node three times as long.
 */
export const ENVIRONMENT = Object.fromEntries(
  Object.entries({ ...process.env, LC_ALL: 'C' }).filter(([name]) => !name.startsWith('NODE_')),
);

const POLL_MILLISECONDS = 10;

/** The shell that runs now: the leader of a process group, so that nothing of it outlives us. */
let running;

/** What all programs together have taken. */
let spentSeconds = 0;
export const secondsOfPrograms = () => spentSeconds;

/** Ends what runs now, with all its processes. */
export function stop() {
  if (running?.exitCode === null && running.signalCode === null) process.kill(-running.pid, 'SIGKILL');
}

/**
 * @param script bash; fails as a whole when a command of a pipeline does
 * @param watchMemory polls the memory of the processes, which costs about a hundredth of a core
 * @param limitSeconds after which it is ended, with all its processes
 * @returns wall and CPU seconds, peak memory in bytes (`undefined` where not watched), output, whether it was `stopped` at the
 *   limit, and `failure`, the last line of its complaint
 */
export function run(script, directory, { watchMemory = false, env = {}, limitSeconds = 300 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', WRAPPER], {
      cwd: directory,
      env: { ...ENVIRONMENT, ...env, SCRIPT: script, PRIORITY },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    running = child;
    const texts = ['', '', '', ''];
    for (const fd of [1, 2, 3]) child.stdio[fd].on('data', (chunk) => (texts[fd] += chunk));
    let peakBytes = 0;
    const poll = () => (peakBytes = Math.max(peakBytes, memoryBelow(child.pid)));
    const polling = watchMemory && process.platform === 'linux' ? setInterval(poll, POLL_MILLISECONDS) : undefined;
    const begin = performance.now();
    let stopped = false;
    const deadline = setTimeout(() => {
      stopped = true;
      stop();
    }, limitSeconds * 1000);
    const finish = () => {
      spentSeconds += (performance.now() - begin) / 1000;
      clearInterval(polling);
      clearTimeout(deadline);
    };
    child.on('error', (error) => {
      finish();
      reject(error);
    });
    child.on('close', (status, signal) => {
      finish();
      const failure = status === 0 ? undefined : lastLine(texts[2]) || `ended with ${signal ?? status}`;
      const figures = texts[3].trim().split(/\s+/).map(Number);
      const [user, system, start, end] = figures;
      resolve({
        failure,
        stopped,
        seconds: Number((end - start).toFixed(6)),
        cpuSeconds: Number((user + system).toFixed(3)),
        peakBytes: peakBytes || undefined,
        output: texts[1],
      });
    });
  });
}

function lastLine(text) {
  return text.trim().split('\n').at(-1).slice(0, 160);
}

/** The sum of the peaks (VmHWM) of all processes below `root` that live now: the kernel keeps them, so that no peak falls between two looks. */
function memoryBelow(root) {
  let bytes = 0;
  const pending = childrenOf(root);
  for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
    pending.push(...childrenOf(pid));
    bytes += Number(/^VmHWM:\s+(\d+) kB/m.exec(readProc(`${pid}/status`))?.[1] ?? 0) * 1024;
  }
  return bytes;
}

function childrenOf(pid) {
  return readProc(`${pid}/task/${pid}/children`).split(' ').filter(Boolean);
}

/** What is gone meanwhile is nothing. */
function readProc(name) {
  try {
    return readFileSync(`/proc/${name}`, 'latin1');
  } catch {
    return '';
  }
}
