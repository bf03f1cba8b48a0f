import { workerData } from 'node:worker_threads';
import { type LookMemory, openLookMemory } from './look-memory.js';

const groups = openLookMemory(workerData as LookMemory);
for (;;) {
  const seen = groups.events();
  if (groups.isStopped()) break;
  const group = groups.claim();
  if (group >= 0) groups.look(group);
  else groups.wait(seen);
}
