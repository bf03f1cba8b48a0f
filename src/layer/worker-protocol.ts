import { systemCode, TarsealError } from '../errors/index.js';
import { LayerError } from './layer-error.js';
import { OutputFailure } from './slab-job.js';
import type { RingMemory } from './slab-ring.js';

/** What a worker is started with. */
export interface WorkerStart {
  readonly ring: RingMemory;
  /** Its number, from 1; the planner is thread 0. */
  readonly thread: number;
  readonly codec: string | undefined;
}

/** Posted before a slot's state becomes failed: an error with nothing that cannot be cloned. */
export interface WorkerFailure {
  readonly slot: number;
  /** `content` is an error of ours as it is, `output` a system error of writing, `defect` anything else. */
  readonly stage: 'content' | 'output' | 'defect';
  readonly code: string;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly stack: string | undefined;
}

export function describeFailure(slot: number, error: unknown): WorkerFailure {
  const cause = error instanceof OutputFailure ? error.cause : error;
  const stage = error instanceof OutputFailure ? 'output' : error instanceof TarsealError ? 'content' : 'defect';
  return {
    slot,
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
