import type { BuildSpec } from '../index.js';

/** The environment enters here, as a value. */
export function withCreated(spec: BuildSpec): BuildSpec {
  const epoch = process.env['SOURCE_DATE_EPOCH'];
  return spec.created !== undefined || epoch === undefined || epoch === '' ? spec : { ...spec, created: `@${epoch}` };
}
