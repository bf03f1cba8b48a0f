export { describeSystemCode, systemCode } from './system-error.js';
export { type ErrorData, TarsealError } from './tarseal-error.js';
