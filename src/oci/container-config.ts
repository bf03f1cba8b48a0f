import { parseEnv, parseExposedPort, parseStopSignal, parseUser, parseVolume, parseWorkdir } from './config-values.js';
import { OciError } from './oci-error.js';
import { hasLoneSurrogate, shown } from './text.js';

/** A set, as Go's `map[string]struct{}` stands in JSON. */
export type KeySet = Readonly<Record<string, Readonly<Record<string, never>>>>;

/** Docker's health check. Durations are in nanoseconds. */
export interface Healthcheck {
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

/** How a container starts: the `config` object of the image specification, and Docker's extensions to it. */
export interface ContainerConfig {
  readonly User?: string;
  /** Keys such as `80/tcp`. */
  readonly ExposedPorts?: KeySet;
  /** `NAME=VALUE`. */
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Volumes?: KeySet;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly Healthcheck?: Healthcheck;
  readonly OnBuild?: readonly string[];
  readonly Shell?: readonly string[];
  readonly ArgsEscaped?: boolean;
  /** Seconds. */
  readonly StopTimeout?: number;
}

type Reader<T> = (json: unknown, where: string) => T;

type Readers<T> = { readonly [K in keyof T]-?: Reader<NonNullable<T[K]>> };

const READERS: Readers<ContainerConfig> = {
  User: readChecked(parseUser),
  ExposedPorts: readKeySet(parseExposedPort),
  Env: readEnv,
  Entrypoint: readStrings,
  Cmd: readStrings,
  Volumes: readKeySet(parseVolume),
  WorkingDir: readChecked(parseWorkdir),
  Labels: readLabels,
  StopSignal: readChecked(parseStopSignal),
  Healthcheck: readHealthcheck,
  OnBuild: readStrings,
  Shell: readStrings,
  ArgsEscaped: readBoolean,
  StopTimeout: readCount,
};

/** Keys of the `config` object that are known. */
export const CONTAINER_CONFIG_KEYS: readonly string[] = Object.keys(READERS);

const HEALTHCHECK_READERS: Readers<Healthcheck> = {
  Test: readStrings,
  Interval: readCount,
  Timeout: readCount,
  StartPeriod: readCount,
  StartInterval: readCount,
  Retries: readCount,
};

const FOREIGN_READERS: Readers<ContainerConfig> = {
  User: readString,
  ExposedPorts: readAnyKeySet,
  Env: readStrings,
  Entrypoint: readArguments,
  Cmd: readArguments,
  Volumes: readAnyKeySet,
  WorkingDir: readString,
  Labels: readLabels,
  StopSignal: readString,
  Healthcheck: (json, where) => readForeignKeys(FOREIGN_HEALTHCHECK_READERS, json, where),
  OnBuild: readStrings,
  Shell: readArguments,
  ArgsEscaped: readBoolean,
  StopTimeout: readInteger,
};

const FOREIGN_HEALTHCHECK_READERS: Readers<Healthcheck> = {
  Test: readStrings,
  Interval: readInteger,
  Timeout: readInteger,
  StartPeriod: readInteger,
  StartInterval: readInteger,
  Retries: readInteger,
};

/**
 * Reads the `config` object of an image. A null is absent, and so is an empty string where a value is expected; empty
 * arrays and objects stay, for they replace those of a base image.
 *
 * @param where the place of `json` in its document, which a refusal names: `config` makes it `config.Env[0]`
 * @throws {OciError} OCI_CONFIG_INVALID for an unknown key, a wrong type or a value that the option of its name refuses
 */
export function parseContainerConfig(json: unknown, where: string): ContainerConfig {
  return readKeys(READERS, json, where);
}

/**
 * Reads the `config` object of an image that another program made: known keys in any case, as Go reads them (Guix
 * writes `env`), with values as they are; other keys and what is null or empty are left out, for Docker writes many.
 *
 * @param where as for {@link parseContainerConfig}
 * @throws {OciError} OCI_CONFIG_INVALID for a wrong type of a known key, a NUL byte or a lone surrogate
 */
export function readForeignContainerConfig(json: unknown, where: string): ContainerConfig {
  return readForeignKeys(FOREIGN_READERS, json, where);
}

function readForeignKeys<T extends object>(readers: Readers<T>, json: unknown, where: string): T {
  const canonical = new Map(Object.keys(readers).map((key) => [key.toLowerCase(), key as keyof T]));
  const result: Partial<Record<keyof T, unknown>> = {};
  for (const [name, value] of Object.entries(readObject(json, where))) {
    const key = canonical.get(name.toLowerCase());
    if (key === undefined || value === null) continue;
    const read: unknown = readers[key](value, `${where}.${shown(name)}`);
    const isEmpty = read === '' || (typeof read === 'object' && Object.keys(read as object).length === 0);
    if (!isEmpty) result[key] = read;
  }
  return result as T;
}

function readKeys<T extends object>(readers: Readers<T>, json: unknown, where: string): T {
  const result: Partial<Record<keyof T, unknown>> = {};
  for (const [key, value] of Object.entries(readObject(json, where))) {
    const place = `${where}.${shown(key)}`;
    if (!Object.hasOwn(readers, key)) {
      const known = Object.keys(readers);
      throw new OciError(
        'OCI_CONFIG_INVALID',
        `Cannot read ${place}: the key must be one of ${known.join(', ')}, and is "${shown(key)}"`,
        { where: place, value: key, limit: known },
      );
    }
    if (value === null || value === undefined) continue;
    const read = readers[key as keyof T](value, place);
    // Docker writes "User":"" and "WorkingDir":"" where there is none.
    if (read !== '') result[key as keyof T] = read;
  }
  return result as T;
}

function readObject(json: unknown, where: string): object {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw typeError(where, 'an object', json);
  return json;
}

function readString(json: unknown, where: string): string {
  if (typeof json !== 'string') throw typeError(where, 'a string', json);
  const rule = json.includes('\0') ? 'NUL byte' : hasLoneSurrogate(json) ? 'lone surrogate' : undefined;
  if (rule !== undefined) {
    throw new OciError('OCI_CONFIG_INVALID', `Cannot read ${where}: it must hold no ${rule}, and is "${shown(json)}"`, {
      where,
      value: json,
    });
  }
  return json;
}

function readStrings(json: unknown, where: string): readonly string[] {
  if (!Array.isArray(json)) throw typeError(where, 'an array of strings', json);
  return Array.from(json, (item: unknown, i) => readString(item, `${where}[${i}]`));
}

function readEnv(json: unknown, where: string): readonly string[] {
  const variables = readStrings(json, where);
  variables.forEach((text, i) => {
    check(parseEnv, text, `${where}[${i}]`);
  });
  return variables;
}

function readChecked(parse: (text: string) => string): Reader<string> {
  return (json, where) => {
    const text = readString(json, where);
    return text === '' ? '' : check(parse, text, where);
  };
}

function readKeySet(parse: (text: string) => string): Reader<KeySet> {
  return (json, where) => {
    const keys = Object.entries(readObject(json, where)).map(([key, value]) => {
      const place = `${where}.${shown(key)}`;
      if (Object.keys(readObject(value, place)).length > 0) throw typeError(place, 'an empty object', value);
      return check(parse, key, place);
    });
    return Object.fromEntries(keys.map((key) => [key, {}]));
  };
}

/** Ports and volumes as they are spelt; what stands for the empty object of each does not matter. */
function readAnyKeySet(json: unknown, where: string): KeySet {
  return Object.fromEntries(Object.keys(readObject(json, where)).map((key) => [readString(key, where), {}]));
}

/** Arguments, of which Docker takes a single one as text. */
function readArguments(json: unknown, where: string): readonly string[] {
  return typeof json === 'string' ? readStrings(json === '' ? [] : [json], where) : readStrings(json, where);
}

function readLabels(json: unknown, where: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(readObject(json, where)).map(([key, value]) => {
      const place = `${where}.${shown(key)}`;
      if (key === '') throw typeError(place, 'a label whose name is not empty', key);
      return [readString(key, place), readString(value, place)];
    }),
  );
}

function readHealthcheck(json: unknown, where: string): Healthcheck {
  return readKeys(HEALTHCHECK_READERS, json, where);
}

function readBoolean(json: unknown, where: string): boolean {
  if (typeof json !== 'boolean') throw typeError(where, 'true or false', json);
  return json;
}

function readInteger(json: unknown, where: string): number {
  if (!Number.isSafeInteger(json)) throw typeError(where, 'an integer', json);
  return json as number;
}

function readCount(json: unknown, where: string): number {
  if (!Number.isSafeInteger(json) || (json as number) < 0) throw typeError(where, 'an integer from 0', json);
  return json as number;
}

/** Runs the parser of the option of this name, so that both ways into a config have the same rules. */
function check<T>(parse: (text: string) => T, text: string, where: string): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw new OciError(
      'OCI_CONFIG_INVALID',
      `Cannot read ${where}: ${error.message}`,
      { ...error.data, where },
      { cause: error },
    );
  }
}

function typeError(where: string, expected: string, json: unknown): OciError {
  return new OciError(
    'OCI_CONFIG_INVALID',
    `Cannot read ${where}: it must be ${expected}, and is ${shown(textOf(json))}`,
    {
      where,
      value: json,
    },
  );
}

function textOf(json: unknown): string {
  try {
    return JSON.stringify(json) ?? typeof json;
  } catch {
    // A document of another program may be deeper than the stack.
    return 'a value that is too deep to show';
  }
}
