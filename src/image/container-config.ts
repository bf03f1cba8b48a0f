import type { ContainerConfig } from '../oci/index.js';

/**
 * Lays one config over another. `Env` is merged by name, a variable keeping the place where it came first; `Labels`,
 * `ExposedPorts` and `Volumes` are merged by key; any other key of `over` replaces that of `base`, an empty one too.
 *
 * @returns a new config; neither argument is changed
 */
export function mergeContainerConfig(base: ContainerConfig, over: ContainerConfig): ContainerConfig {
  return {
    ...base,
    ...over,
    ...ifPresent('Env', mergeEnv(base.Env, over.Env)),
    ...ifPresent('Labels', mergeMaps(base.Labels, over.Labels)),
    ...ifPresent('ExposedPorts', mergeMaps(base.ExposedPorts, over.ExposedPorts)),
    ...ifPresent('Volumes', mergeMaps(base.Volumes, over.Volumes)),
  };
}

/**
 * Lays our config over that of the image that ours stands on: {@link mergeContainerConfig}, but an entry point without
 * a command takes the base's command away, which was the arguments of another program (as `ENTRYPOINT` in a Dockerfile).
 *
 * @returns a new config; neither argument is changed
 */
export function layOverBase(base: ContainerConfig, over: ContainerConfig): ContainerConfig {
  const { Cmd, ...merged } = mergeContainerConfig(base, over);
  const isOfAnother = over.Entrypoint !== undefined && over.Cmd === undefined;
  return Cmd === undefined || isOfAnother ? merged : { ...merged, Cmd };
}

/**
 * Leaves out what says nothing: absent values, empty strings, arrays and objects. Equal images have equal bytes
 * whether a value was not given or was given empty.
 */
export function compactContainerConfig(config: ContainerConfig): ContainerConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function mergeEnv(base: readonly string[] = [], over: readonly string[] = []): readonly string[] {
  // A Map keeps a key at the place of its first insertion.
  const byName = new Map([...base, ...over].map((variable) => [nameOf(variable), variable]));
  return [...byName.values()];
}

function nameOf(variable: string): string {
  const equals = variable.indexOf('=');
  return equals < 0 ? variable : variable.slice(0, equals);
}

function mergeMaps<T>(
  base: Readonly<Record<string, T>> = {},
  over: Readonly<Record<string, T>> = {},
): Readonly<Record<string, T>> {
  return { ...base, ...over };
}

function ifPresent<K extends string, T extends object>(key: K, value: T): { readonly [P in K]?: T } {
  return Object.keys(value).length > 0 ? ({ [key]: value } as { readonly [P in K]?: T }) : {};
}
