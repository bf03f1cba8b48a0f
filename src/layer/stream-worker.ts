import { parentPort, workerData } from 'node:worker_threads';
import { serveBatches } from './serve-batches.js';
import type { StreamWorkerStart } from './worker-protocol.js';

serveBatches(workerData as StreamWorkerStart, (message) => parentPort?.postMessage(message));
