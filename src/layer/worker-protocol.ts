import type { FileIdentity } from '../entry/index.js';
import { systemCode, TarsealError } from '../errors/index.js';
import { LayerError } from './layer-error.js';
import type { StreamRules } from './read-batch.js';
import { OutputFailure } from './slab-job.js';
import type { RingMemory } from './slab-ring.js';
import type { FoundMember, StreamMemory } from './stream-memory.js';

/** What a worker that fills slabs is started with. */
export interface WorkerStart {
  readonly ring: RingMemory;
  /** Its number, from 1; the planner is thread 0. */
  readonly thread: number;
  readonly codec: string | undefined;
}

/** What a worker that packs batches is started with. */
export interface StreamWorkerStart {
  readonly memory: StreamMemory;
  /** Its number, from 1, as a reader; the planner is reader 0. */
  readonly thread: number;
  readonly rules: StreamRules;
  /** Of the output. */
  readonly fd: number;
}

/** The number under which a failure of writing a stream is reported: no batch has it. */
export const WRITING = -1;

/** Posted before a slot or a batch says that it failed: an error with nothing that cannot be cloned. */
export interface WorkerFailure {
  /** The slot or batch. */
  readonly job: number;
  /** `content` is an error of ours as it is, `output` a system error of writing, `defect` anything else. */
  readonly stage: 'content' | 'output' | 'defect';
  readonly code: string;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly stack: string | undefined;
}

/** Posted before a member that is an output is counted as left out. */
export interface LeftOutReport {
  readonly batch: number;
  readonly member: FoundMember;
  readonly output: FileIdentity;
}

export type WorkerMessage = WorkerFailure | LeftOutReport;

export function describeFailure(job: number, error: unknown): WorkerFailure {
  const cause = error instanceof OutputFailure ? error.cause : error;
  const stage = error instanceof OutputFailure ? 'output' : error instanceof TarsealError ? 'content' : 'defect';
  return {
    job,
    stage,
    code: cause instanceof TarsealError ? cause.code : systemCode(cause),
    message: cause instanceof Error ? cause.message : String(cause),
    data: cause instanceof TarsealError ? cause.data : {},
    stack: cause instanceof Error ? cause.stack : undefined,
  };
}

/** The error of a worker as it would have been thrown here. */
export function rebuildFailure({ stage, code, message, data, stack }: WorkerFailure): Error {
  if (stage === 'content') return new LayerError(code, message, data);
  const error = Object.assign(new Error(message), code !== '' && { code }, stack !== undefined && { stack });
  return stage === 'output' ? new OutputFailure('Cannot write', { cause: error }) : error;
}
