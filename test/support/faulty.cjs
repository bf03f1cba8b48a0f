// Loaded before the program, and by its workers: from a thread's Nth call of a function of node:fs on, the system fails.
//
// FAULT is JSON: the `thread` that it happens in first, main or worker; `call`, `at`, the code of the error, or none for a
// thread that ends there; `paths`, what the call's path or its descriptor's begins with; a `slow` main thread leaves others
// time. A path that failed fails for whoever tries it again, as one on a bad disk does; HAPPENED is where they are listed.
const fs = require('node:fs');
const { isMainThread } = require('node:worker_threads');

const { thread, call, at, code, paths, slow } = JSON.parse(process.env.FAULT);
const { HAPPENED } = process.env;
const { [call]: original, appendFileSync, readFileSync, readlinkSync } = { ...fs };
const pathOf = (file) => (typeof file === 'number' ? readlinkSync(`/proc/self/fd/${file}`) : String(file));

let opened = 0;
const pause = new Int32Array(new SharedArrayBuffer(4));
let calls = 0;
let isTried = false;
const hasFailed = (path) => {
  if (isTried || code === undefined) return false;
  // What reads the list would come here again.
  isTried = true;
  try {
    return readFileSync(HAPPENED, 'utf8').split('\n').includes(path);
  } catch {
    return false;
  } finally {
    isTried = false;
  }
};

const faulty = (...args) => {
  if (isTried) return original(...args);
  const path = pathOf(args[0]);
  const isNext = isMainThread === (thread === 'main') && path.startsWith(paths) && ++calls >= at;
  if (!isNext && !hasFailed(path)) return original(...args);
  isTried = true;
  appendFileSync(HAPPENED, `${path}\n`);
  isTried = false;
  if (code === undefined) process.exit(3);
  throw Object.assign(new Error(`${code}: made up, ${call}`), { code, syscall: call.replace('Sync', '') });
};
fs[call] = faulty;

if (isMainThread && slow) {
  const { openSync: open } = fs;
  fs.openSync = (...args) => {
    // By now there is a worker; it comes to its part before this thread is done.
    if (++opened > 400) Atomics.wait(pause, 0, 0, 2);
    return open(...args);
  };
}
