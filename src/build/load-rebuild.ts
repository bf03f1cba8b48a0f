import type { Verification } from '../verify/index.js';
import type { Rebuild } from './rebuild-image.js';
import type { BuildContext, BuildSpec } from './spec.js';

/** Builds an image again as its namesake does; who only verifies does not load what builds. */
export async function rebuildImage(
  spec: BuildSpec,
  path: string | undefined,
  verification: Pick<Verification, 'formats' | 'images'>,
  context: BuildContext = {},
): Promise<Rebuild> {
  return (await import('./rebuild-image.js')).rebuildImage(spec, path, verification, context);
}
