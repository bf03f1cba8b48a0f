import type { ByteString } from '../bytes/index.js';
import type { NameTransform } from './sed-expression.js';

const UNCHANGED: NameTransform = { apply: (name) => name };

/** What `parseSedExpression` makes of expressions; its code is loaded only where there are any. */
export async function loadNameTransform(expressions: readonly ByteString[]): Promise<NameTransform> {
  if (expressions.length === 0) return UNCHANGED;
  return (await import('./sed-expression.js')).parseSedExpression(...expressions);
}
