import { parentPort, workerData } from 'node:worker_threads';
import { serveSlabs } from './serve-slabs.js';
import type { WorkerStart } from './worker-protocol.js';

void serveSlabs(workerData as WorkerStart, (failure) => parentPort?.postMessage(failure));
