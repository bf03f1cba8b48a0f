import { expect, test } from 'vitest';
import { layOverBase, mergeContainerConfig } from '../../src/image/index.js';
import type { ContainerConfig } from '../../src/oci/index.js';

test.each<[name: string, base: ContainerConfig, over: ContainerConfig, expected: ContainerConfig]>([
  ['nothing over nothing', {}, {}, {}],
  ['nothing over something', { User: 'a', Env: ['A=1'] }, {}, { User: 'a', Env: ['A=1'] }],
  ['something over nothing', {}, { User: 'a', Env: ['A=1'] }, { User: 'a', Env: ['A=1'] }],
  [
    'a variable keeps its place, and new ones come after',
    { Env: ['A=1', 'B=2', 'C=3'] },
    { Env: ['D=4', 'B=x=y', 'A='] },
    { Env: ['A=', 'B=x=y', 'C=3', 'D=4'] },
  ],
  ['of a variable that is given twice the last', {}, { Env: ['A=1', 'B=1', 'A=2'] }, { Env: ['A=2', 'B=1'] }],
  ['names of variables are whole', { Env: ['AB=1'] }, { Env: ['A=B=1'] }, { Env: ['AB=1', 'A=B=1'] }],
  [
    'labels by key',
    { Labels: { a: '1', b: '2' } },
    { Labels: { b: '3', c: '' } },
    { Labels: { a: '1', b: '3', c: '' } },
  ],
  ['no labels over labels', { Labels: { a: '1' } }, { Labels: {} }, { Labels: { a: '1' } }],
  [
    'ports and volumes by key',
    { ExposedPorts: { '80/tcp': {} }, Volumes: { '/a': {} } },
    { ExposedPorts: { '53/udp': {} }, Volumes: { '/a': {}, '/b': {} } },
    { ExposedPorts: { '80/tcp': {}, '53/udp': {} }, Volumes: { '/a': {}, '/b': {} } },
  ],
  [
    'commands are replaced whole',
    { Entrypoint: ['/a', '-x'], Cmd: ['c'] },
    { Entrypoint: ['/b'] },
    { Entrypoint: ['/b'], Cmd: ['c'] },
  ],
  ['an empty command takes away', { Cmd: ['c'], Shell: ['/bin/sh'] }, { Cmd: [] }, { Cmd: [], Shell: ['/bin/sh'] }],
  [
    'values',
    { User: 'a', WorkingDir: '/a', StopTimeout: 5 },
    { User: 'b', StopTimeout: 0 },
    { User: 'b', WorkingDir: '/a', StopTimeout: 0 },
  ],
  [
    'a health check is replaced whole',
    { Healthcheck: { Test: ['CMD', 'a'], Retries: 3 } },
    { Healthcheck: { Test: ['NONE'] } },
    { Healthcheck: { Test: ['NONE'] } },
  ],
])('mergeContainerConfig: %s', (_name, base, over, expected) => {
  const before = JSON.stringify([base, over]);
  expect(mergeContainerConfig(base, over)).toStrictEqual(expected);
  expect(JSON.stringify([base, over])).toBe(before);
});

test('mergeContainerConfig: a label called __proto__ is a label', () => {
  const over: ContainerConfig = { Labels: JSON.parse('{"__proto__":"x"}') as Record<string, string> };
  expect(JSON.stringify(mergeContainerConfig({ Labels: { a: '1' } }, over))).toBe(
    '{"Labels":{"a":"1","__proto__":"x"}}',
  );
});

test.each<[name: string, base: ContainerConfig, over: ContainerConfig, expected: ContainerConfig]>([
  ['nothing over something', { Entrypoint: ['/a'], Cmd: ['c'] }, {}, { Entrypoint: ['/a'], Cmd: ['c'] }],
  [
    'an entry point takes the command of the base away',
    { Entrypoint: ['/a'], Cmd: ['c'], User: 'a' },
    { Entrypoint: ['/b'] },
    { Entrypoint: ['/b'], User: 'a' },
  ],
  ['an empty entry point does so too', { Entrypoint: ['/a'], Cmd: ['c'] }, { Entrypoint: [] }, { Entrypoint: [] }],
  [
    'a command stays with its entry point',
    { Entrypoint: ['/a'], Cmd: ['c'] },
    { Entrypoint: ['/b'], Cmd: ['d'] },
    { Entrypoint: ['/b'], Cmd: ['d'] },
  ],
  ['a command alone is for the base', { Entrypoint: ['/a'] }, { Cmd: ['d'] }, { Entrypoint: ['/a'], Cmd: ['d'] }],
  [
    'the rest is merged',
    { Env: ['PATH=/bin', 'A=1'], Labels: { a: '1' }, WorkingDir: '/a' },
    { Env: ['A=2', 'B=3'], Labels: { b: '2' }, WorkingDir: '/b' },
    { Env: ['PATH=/bin', 'A=2', 'B=3'], Labels: { a: '1', b: '2' }, WorkingDir: '/b' },
  ],
])('layOverBase: %s', (_name, base, over, expected) => {
  const before = JSON.stringify([base, over]);
  expect(layOverBase(base, over)).toStrictEqual(expected);
  expect(JSON.stringify([base, over])).toBe(before);
});
