import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'vitest';

/** With `TARSEAL_REQUIRE_CLIENTS=1`, as in CI, a client that is missing is a failure; otherwise its tests are skipped. */
export const clientsAreRequired: boolean = process.env['TARSEAL_REQUIRE_CLIENTS'] === '1';

const announced = new Set<string>();

/** The path of the program of this name that PATH finds. */
export function findClient(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** Whether a program of this name is on PATH. */
export function hasClient(name: string): boolean {
  return findClient(name) !== undefined;
}

/**
 * `test` for what needs these programs. Where one is missing, the tests are skipped with a line that says so; where
 * clients are required, a test that fails takes the place of that line.
 */
export function clientTest(...names: string[]): typeof test.skip {
  return testUnless(missingClients(...names));
}

/** The obstacles of tests that need these programs, for {@link testUnless}. */
export function missingClients(...names: string[]): string[] {
  return names.filter((name) => !hasClient(name)).map((name) => `${name} is not installed`);
}

/** `test` where nothing is in the way of it, e.g. `dockerd needs root`; otherwise as {@link clientTest} says. */
export function testUnless(obstacles: readonly string[]): typeof test.skip {
  if (obstacles.length === 0) return test;
  for (const obstacle of obstacles) {
    if (announced.has(obstacle)) continue;
    announced.add(obstacle);
    if (clientsAreRequired) {
      test(`required: ${obstacle}`, () => {
        throw new Error(`${obstacle}, and TARSEAL_REQUIRE_CLIENTS is set`);
      });
    } else {
      console.warn(`SKIPPED: ${obstacle}`);
    }
  }
  return test.skip;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
