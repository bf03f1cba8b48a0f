import type { Report } from './finding.js';
import { type LoaderPart, TARGET_RULES, type Target, type TargetFacts } from './target-rules.js';

/** Says what each loader would refuse, or which of the ways to read the image it would. */
export function checkTargets(targets: readonly Target[], facts: TargetFacts, report: Report): void {
  if (targets.length === 0) return;
  if (facts.opened.formats[0] === 'tar') {
    report('TARGET_REFUSES', `${targets.join(', ')}: a layer alone is no image`);
    return;
  }
  const refusals = new Map<LoaderPart, string[]>();
  for (const { what, refusedBy, applies } of TARGET_RULES) {
    if (!applies(facts)) continue;
    for (const part of refusedBy) refusals.set(part, [...(refusals.get(part) ?? []), what]);
  }
  const of = (part: LoaderPart): readonly string[] => refusals.get(part) ?? [];
  const refuse = (target: Target, reasons: Iterable<string>): void => {
    for (const reason of new Set(reasons)) report('TARGET_REFUSES', `${target} refuses ${reason}`);
  };
  for (const target of new Set(targets)) {
    if (target === 'docker' || target === 'containerd') refuse(target, of(target));
    else {
      const ofSkopeo = (part: LoaderPart): readonly string[] => (target === 'skopeo' ? of(part) : []);
      const ways = [
        [...of('docker-archive'), ...ofSkopeo('docker-archive of skopeo')],
        [...of('oci-archive'), ...ofSkopeo('oci-archive of skopeo')],
      ] as const;
      const isRefused = ways.every((reasons) => reasons.length > 0);
      // Podman tries both ways, and its storage unpacks what comes by either.
      if (target === 'podman') refuse(target, [...(isRefused ? ways.flat() : []), ...of('storage')]);
      else if (isRefused) refuse(target, ways.flat());
      else {
        for (const [way, reasons] of [
          ['docker-archive:', ways[0]],
          ['oci-archive:', ways[1]],
        ] as const) {
          if (reasons.length > 0)
            report('TARGET_DIFFERS', `skopeo refuses it as ${way} (${reasons.join('; ')}), and reads it the other way`);
        }
      }
    }
  }
}
