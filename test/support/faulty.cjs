// Loaded before the program, and by its workers: from a thread's Nth call of a function of node:fs on, the system fails.
//
// FAULTS is a list in JSON: the `thread` that it happens in first, main or worker; `call`, `at`, the code of the error, ZERO
// for a call that does nothing, or none for a thread that ends there; `paths`, what the call's path or its descriptor's
// begins with. A path that failed fails for whoever tries it again, as one on a bad disk does; HAPPENED is where they are
// listed. With SLOW, the main thread leaves the others time.
const fs = require('node:fs');
const { isMainThread } = require('node:worker_threads');

const { FAULTS, HAPPENED, SLOW } = process.env;
const { appendFileSync, readFileSync, readlinkSync } = { ...fs };
const pathOf = (file) => (typeof file === 'number' ? readlinkSync(`/proc/self/fd/${file}`) : String(file));
/** What is done here is not what is tested. */
let isOurs = false;
const ours = (action) => {
  isOurs = true;
  try {
    return action();
  } finally {
    isOurs = false;
  }
};
const failed = () => {
  try {
    return readFileSync(HAPPENED, 'utf8').split('\n');
  } catch {
    return [];
  }
};

for (const { thread, call, at, code, paths } of JSON.parse(FAULTS)) {
  const original = fs[call];
  let calls = 0;
  fs[call] = (...args) => {
    if (isOurs) return original(...args);
    const path = ours(() => pathOf(args[0]));
    const isNext = isMainThread === (thread === 'main') && path.startsWith(paths) && ++calls >= at;
    const isAgain = () => code !== undefined && ours(failed).includes(`${call} ${path}`);
    if (!isNext && !isAgain()) return original(...args);
    ours(() => appendFileSync(HAPPENED, `${call} ${path}\n`));
    if (code === undefined) process.exit(3);
    if (code === 'ZERO') return 0;
    const syscall = call === 'readFileSync' ? 'open' : /^[a-z]+/.exec(call)[0];
    throw Object.assign(new Error(`${code}: made up, ${syscall}`), { code, syscall, path });
  };
}

if (isMainThread && SLOW !== undefined) {
  const { openSync } = fs;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  let opened = 0;
  fs.openSync = (...args) => {
    // By now there is a worker; it comes to its part before this thread is done.
    if (++opened > 400) Atomics.wait(pause, 0, 0, 1);
    return openSync(...args);
  };
}
