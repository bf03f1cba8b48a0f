// Loaded before the program: says at the end how many threads it started.
const { syncBuiltinESMExports } = require('node:module');
const threads = require('node:worker_threads');

let started = 0;
threads.Worker = class extends threads.Worker {
  constructor(...args) {
    super(...args);
    started++;
  }
};
syncBuiltinESMExports();
process.on('exit', () => process.stderr.write(`workers ${started}\n`));
