import { displayText } from '../bytes/index.js';
import { mergeContainerConfig } from '../image/index.js';
import {
  type ContainerConfig,
  parseAnnotation,
  parseContainerConfig,
  parseEnv,
  parseExposedPort,
  parseLabel,
  parseStopSignal,
  parseUser,
  parseVolume,
  parseWorkdir,
  type StringMap,
} from '../oci/index.js';
import { BuildError } from './build-error.js';
import { readDocument } from './read-file.js';
import type { BuildSpec } from './spec.js';

/**
 * The `config` object of the image: that of `spec.config`, with the options laid over it.
 *
 * @param profile what a relative entry point is relative to; `undefined` leaves it as it is
 * @throws {OciError} for a wrong value; {BuildError} SPEC_FILE for an unreadable or wrong config file
 */
export function containerConfigOf(spec: BuildSpec, profile: string | undefined): ContainerConfig {
  const entrypoint = argumentsOf(spec.entrypoint, 'entrypoint');
  const [program, ...rest] = entrypoint ?? [];
  const command = argumentsOf(spec.cmd, 'cmd');
  const own: ContainerConfig = {
    ...(program !== undefined && {
      Entrypoint: [
        profile === undefined || program.startsWith('/') ? program : `${profile.replace(/\/$/, '')}/${program}`,
        ...rest,
      ],
    }),
    ...(command && { Cmd: command }),
    ...(spec.env && { Env: spec.env.map((text) => formatEnv(text)) }),
    ...(spec.label && { Labels: toMap(spec.label.map((text) => parseLabel(text))) }),
    ...(spec.user !== undefined && { User: parseUser(spec.user) }),
    ...(spec.workdir !== undefined && { WorkingDir: parseWorkdir(spec.workdir) }),
    ...(spec.expose && { ExposedPorts: toKeySet(spec.expose.map((text) => parseExposedPort(text))) }),
    ...(spec.volume && { Volumes: toKeySet(spec.volume.map((text) => parseVolume(text))) }),
    ...(spec.stopSignal !== undefined && { StopSignal: parseStopSignal(spec.stopSignal) }),
  };
  return mergeContainerConfig(baseConfig(spec.config), own);
}

/** The annotations of the manifest. */
export function annotationsOf(spec: BuildSpec): StringMap {
  return toMap((spec.annotation ?? []).map((text) => parseAnnotation(text)));
}

function baseConfig(config: BuildSpec['config']): ContainerConfig {
  if (config === undefined) return {};
  if (typeof config !== 'string') return parseContainerConfig(config, 'config');
  const text = readDocument(config, '--config');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new BuildError(
      'SPEC_FILE',
      `Cannot read --config "${displayText(config)}": it must be JSON: ${displayText((error as Error).message)}`,
      { path: config },
      { cause: error },
    );
  }
  return parseContainerConfig(json, `--config "${displayText(config)}"`);
}

/** Arguments given one by one, or as one JSON array of strings. */
function argumentsOf(value: string | readonly string[] | undefined, option: string): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const given = typeof value === 'string' ? [value] : value;
  const [only] = given;
  const list = given.length === 1 && only?.trimStart().startsWith('[') ? parseArray(only, option) : given;
  for (const argument of list) {
    if (argument.includes('\0'))
      throw new BuildError('SPEC_INVALID', `Cannot use --${option}: an argument must have no NUL`, { option });
  }
  if (list[0] === '')
    throw new BuildError(
      'SPEC_INVALID',
      `Cannot use --${option}: its first argument must have at least one character`,
      { option },
    );
  return list;
}

function parseArray(text: string, option: string): readonly string[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw arrayExpected(text, option, error);
  }
  if (!Array.isArray(json) || !json.every((item) => typeof item === 'string')) throw arrayExpected(text, option);
  return json;
}

function arrayExpected(text: string, option: string, cause?: unknown): BuildError {
  return new BuildError(
    'SPEC_INVALID',
    `Cannot use --${option} "${displayText(text)}": what begins with "[" must be a JSON array of strings`,
    { option, value: text },
    { cause },
  );
}

function formatEnv(text: string): string {
  const { name, value } = parseEnv(text);
  return `${name}=${value}`;
}

function toMap(pairs: readonly { readonly name: string; readonly value: string }[]): StringMap {
  return Object.fromEntries(pairs.map(({ name, value }) => [name, value]));
}

function toKeySet(keys: readonly string[]): Readonly<Record<string, Readonly<Record<string, never>>>> {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}
