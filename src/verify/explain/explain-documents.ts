import { type DocumentComparison, FOLLOWING } from '../compare/compare-documents.js';
import type { JsonDifference } from '../compare/compare-json.js';
import { type CauseCode, cause, differing, examples, type LocalCause } from './cause.js';

interface Kind {
  readonly code: CauseCode;
  readonly paths: RegExp;
  readonly says: (count: number) => string;
}

/** What values are of which nobody wants to know more, by their paths. */
const KINDS: readonly Kind[] = [
  {
    code: 'PLATFORM',
    paths: /^config: (?:architecture|os|variant|os\.version|os\.features\b.*)$/,
    says: () => 'the images are for other platforms',
  },
  {
    code: 'CONFIG_TIME',
    paths: /^config: (?:.*\.)?created$/,
    says: (count) => `the config has the time of its making, or others have: ${differing(count, 'value')}`,
  },
  {
    code: 'CONFIG_CONTAINER',
    paths: /^config: (?:container|(?:container_)?config\.(?:Hostname|Image))$/,
    says: (count) => `the config names the container from which the image was made: ${differing(count, 'value')}`,
  },
  {
    code: 'IMAGE_NAMES',
    paths:
      /^manifest\.json: .*\.RepoTags\b|^index\.json: .*\["?(?:org\.opencontainers\.image\.ref\.name|io\.containerd\.image\.name)"?\]$/,
    says: (count) => `names of the images: ${differing(count, 'value')}`,
  },
];

/** Explains what documents say; digests and sizes follow from what they are of. */
export function explainDocument({ name, differences, isSpelling }: DocumentComparison): LocalCause[] {
  if (isSpelling) {
    return [cause('SPELLING', 1, `${name} says the same in other bytes: order of keys, white space or escapes`)];
  }
  const told = differences.filter(({ path }) => FOLLOWING[name]?.test(path) !== true);
  const causes: LocalCause[] = [];
  const left = new Set(told);
  for (const { code, paths, says } of KINDS) {
    const group = told.filter(({ path }) => paths.test(`${name}: ${path}`));
    for (const one of group) left.delete(one);
    if (group.length > 0)
      causes.push(
        cause(
          code,
          group.length,
          says(group.length),
          examples(group, (one) => describe(name, one)),
        ),
      );
  }
  for (const one of [...left].filter(({ isOrder }) => isOrder)) {
    left.delete(one);
    const message = `${name}: values of ${one.path} are the same in another order`;
    causes.push(cause('CONFIG_ORDER', 1, message, [`A ${one.a}`, `B ${one.b}`]));
  }
  if (left.size > 0) {
    const evidence = examples([...left], (one) => describe(name, one));
    causes.push(cause('CONFIG', left.size, `${name}: ${differing(left.size, 'value')}`, evidence));
  }
  return causes;
}

function describe(name: string, { path, a, b }: JsonDifference): string {
  return `${path === '' ? name : path}: A ${a ?? 'nothing'}, B ${b ?? 'nothing'}`;
}
