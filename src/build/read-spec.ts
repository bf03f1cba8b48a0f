import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { ErrorObject } from 'ajv';
import { displayText } from '../bytes/index.js';
import { BuildError } from './build-error.js';
import { readDocument } from './read-file.js';
import { resolveSpecPaths } from './resolve-spec.js';
import type { BuildSpec } from './spec.js';

/** Edits that make one key into another, up to which it is proposed for an unknown one. */
const MAX_DISTANCE = 3;

/**
 * Reads a specification from a JSON or YAML file, checks it against the JSON schema of the package, and makes its paths
 * absolute, relative ones against the file's own directory.
 *
 * @param path of the file, absolute or relative to `cwd`
 * @throws {BuildError} SPEC_FILE when it cannot be read or parsed; SPEC_KEY for an unknown key, with its place and the
 *   nearest known one; SPEC_INVALID for a value of the wrong kind
 */
export async function readBuildSpec(path: string, cwd?: string): Promise<BuildSpec> {
  const file = cwd === undefined ? path : resolve(cwd, path);
  const text = readDocument(file, '--spec');
  const { $schema: _, ...spec } = await checkBuildSpec(
    await parseDocument(text, path),
    `--spec "${displayText(path)}"`,
  );
  return resolveSpecPaths(spec, resolve(dirname(file)));
}

/** YAML 1.2 has JSON in it; its parser also refuses a key that is given twice. A tag that it does not know is refused. */
async function parseDocument(text: string, path: string): Promise<unknown> {
  const { parseDocument: parse } = await import('yaml');
  const document = parse(text, { uniqueKeys: true, prettyErrors: true });
  const [problem] = [...document.errors, ...document.warnings];
  try {
    if (problem !== undefined) throw problem;
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const [line] = (error as Error).message.split('\n');
    throw new BuildError(
      'SPEC_FILE',
      `Cannot read --spec "${displayText(path)}": ${line?.replace(/:$/, '')}`,
      { path },
      { cause: error },
    );
  }
}

/**
 * Checks any value against the schema of a specification.
 *
 * @param what how messages name the value
 * @throws {BuildError} SPEC_KEY, SPEC_INVALID
 */
async function checkBuildSpec(value: unknown, what: string): Promise<BuildSpec & { readonly $schema?: string }> {
  const { Ajv } = await import('ajv');
  const schema = JSON.parse(readFileSync(new URL('./spec-schema.json', import.meta.url), 'utf8')) as SpecSchema;
  const validate = new Ajv({ allErrors: true, allowUnionTypes: true, verbose: true }).compile<BuildSpec>(schema);
  if (validate(value)) return value;
  const errors = validate.errors ?? [];
  const unknownKey = errors.find(({ keyword }) => keyword === 'additionalProperties');
  throw unknownKey === undefined ? wrongValue(errors, what) : await wrongKey(unknownKey, what);
}

interface SpecSchema {
  readonly properties: Readonly<Record<string, unknown>>;
}

async function wrongKey(error: ErrorObject, what: string): Promise<BuildError> {
  const key = String(error.params['additionalProperty']);
  const known = Object.keys((error.parentSchema?.['properties'] ?? {}) as object);
  const { closest, distance } = await import('fastest-levenshtein');
  const nearest = known.find((name) => name.toLowerCase() === key.toLowerCase()) ?? closest(key, known);
  const proposal =
    distance(key.toLowerCase(), nearest.toLowerCase()) <= MAX_DISTANCE ? `; did you mean "${nearest}"` : '';
  const place = placeOf(`${error.instancePath}/${key}`);
  return new BuildError('SPEC_KEY', `Cannot use ${what}: the key ${place} is not known${proposal}`, {
    key,
    place,
    ...(proposal !== '' && { nearest }),
  });
}

function wrongValue(errors: readonly ErrorObject[], what: string): BuildError {
  // Of an anyOf the last error is the summary; of anything else the first is the cause.
  const error = errors.find(({ keyword }) => keyword === 'anyOf') ?? errors[0]!;
  const place = placeOf(error.instancePath);
  const reason =
    error.keyword === 'anyOf' ? 'must be of one of the kinds that the schema allows' : (error.message ?? 'is wrong');
  const allowed = error.keyword === 'enum' ? ` (${(error.params['allowedValues'] as unknown[]).join(', ')})` : '';
  const value = JSON.stringify(error.data) ?? 'nothing';
  const shown = value.length > 80 ? `${value.slice(0, 80)}…` : value;
  return new BuildError('SPEC_INVALID', `Cannot use ${what}: ${place} ${reason}${allowed}, and is ${shown}`, {
    place,
    value: error.data,
  });
}

/** A JSON pointer as people write it: `/files/~1etc/mode` is `files./etc.mode`. */
function placeOf(pointer: string): string {
  if (pointer === '') return 'the document';
  const parts = pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return `"${displayText(parts.join('.'))}"`;
}
