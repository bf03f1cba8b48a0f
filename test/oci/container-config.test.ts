import { describe, expect, test } from 'vitest';
import { OciError, parseContainerConfig } from '../../src/oci/index.js';

const FULL = {
  User: 'app:app',
  ExposedPorts: { '80/tcp': {}, '53/udp': {} },
  Env: ['PATH=/bin', 'EMPTY='],
  Entrypoint: ['/bin/sh', '-c'],
  Cmd: ['echo'],
  Volumes: { '/data': {} },
  WorkingDir: '/srv',
  Labels: { 'org.example': 'x', empty: '' },
  StopSignal: 'SIGINT',
  Healthcheck: {
    Test: ['CMD', 'true'],
    Interval: 30_000_000_000,
    Timeout: 1,
    StartPeriod: 0,
    StartInterval: 5,
    Retries: 3,
  },
  OnBuild: ['RUN true'],
  Shell: ['/bin/sh'],
  ArgsEscaped: false,
  StopTimeout: 0,
};

describe('parseContainerConfig', () => {
  test('passes every key of the specification and of Docker through', () => {
    expect(parseContainerConfig(FULL, 'config')).toStrictEqual(FULL);
    expect(parseContainerConfig(JSON.parse(JSON.stringify(FULL)), 'config')).toStrictEqual(FULL);
  });

  test.each(Object.keys(FULL))('takes null for an absent %s', (key) => {
    expect(parseContainerConfig({ [key]: null }, 'config')).toStrictEqual({});
  });

  test('takes an empty string for an absent value, as Docker writes it', () => {
    expect(parseContainerConfig({ User: '', WorkingDir: '', StopSignal: '' }, 'config')).toStrictEqual({});
  });

  test('keeps empty arrays and objects, which may replace those of a base', () => {
    const empty = { Cmd: [], Entrypoint: [], Labels: {}, Env: [] };
    expect(parseContainerConfig(empty, 'config')).toStrictEqual(empty);
  });

  test('gives a port one spelling', () => {
    expect(parseContainerConfig({ ExposedPorts: { 80: {}, '53/udp': {} } }, 'config')).toStrictEqual({
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
    });
  });

  test('a label called __proto__ is a label', () => {
    const config = parseContainerConfig(JSON.parse('{"Labels":{"__proto__":"x"}}'), 'config');
    expect(JSON.stringify(config)).toBe('{"Labels":{"__proto__":"x"}}');
  });

  test.each<[name: string, json: unknown, message: string]>([
    ['an array', [], 'Cannot read config: it must be an object, and is []'],
    ['null', null, 'Cannot read config: it must be an object, and is null'],
    ['text', 'x', 'Cannot read config: it must be an object, and is "x"'],
    ['an unknown key', { Envs: [] }, 'Cannot read config.Envs: the key must be one of User, ExposedPorts, Env,'],
    ['a key of another case', { env: [] }, 'and is "env"'],
    ['a key of the prototype', { toString: [] }, 'Cannot read config.toString: the key must be one of'],
    ['a key called __proto__', JSON.parse('{"__proto__":[]}'), 'Cannot read config.__proto__: the key must be one of'],
    ['a number as user', { User: 1000 }, 'Cannot read config.User: it must be a string, and is 1000'],
    ['a list of one string', { Cmd: 'sh' }, 'Cannot read config.Cmd: it must be an array of strings, and is "sh"'],
    ['a number in a list', { Cmd: ['sh', 1] }, 'Cannot read config.Cmd[1]: it must be a string, and is 1'],
    ['null in a list', { Entrypoint: [null] }, 'Cannot read config.Entrypoint[0]: it must be a string, and is null'],
    ['NUL in a list', { Cmd: ['a\0'] }, 'Cannot read config.Cmd[0]: it must hold no NUL byte, and is "a\\x00"'],
    ['a lone surrogate', { Shell: ['\udfff'] }, 'Cannot read config.Shell[0]: it must hold no lone surrogate'],
    ['a variable without =', { Env: ['A=1', 'B'] }, 'Cannot read config.Env[1]: Cannot parse environment variable'],
    ['a map of variables', { Env: { A: '1' } }, 'Cannot read config.Env: it must be an array of strings'],
    ['a list of ports', { ExposedPorts: ['80'] }, 'Cannot read config.ExposedPorts: it must be an object'],
    ['a port range', { ExposedPorts: { '1-2/tcp': {} } }, 'Cannot read config.ExposedPorts.1-2/tcp: Cannot parse'],
    [
      'a port with a value',
      { ExposedPorts: { '80/tcp': { a: 1 } } },
      'config.ExposedPorts.80/tcp: it must be an empty object',
    ],
    ['a port with null', { ExposedPorts: { '80/tcp': null } }, 'config.ExposedPorts.80/tcp: it must be an object'],
    ['a relative volume', { Volumes: { data: {} } }, 'Cannot read config.Volumes.data: Cannot parse volume'],
    ['a relative directory', { WorkingDir: 'srv' }, 'Cannot read config.WorkingDir: Cannot parse working directory'],
    ['a number as label', { Labels: { a: 1 } }, 'Cannot read config.Labels.a: it must be a string, and is 1'],
    ['a list of labels', { Labels: ['a=1'] }, 'Cannot read config.Labels: it must be an object'],
    ['a label without name', { Labels: { '': 'x' } }, 'Cannot read config.Labels.: it must be a label whose name'],
    ['an unknown signal', { StopSignal: 'TERM' }, 'Cannot read config.StopSignal: Cannot parse stop signal'],
    ['a text as flag', { ArgsEscaped: 'true' }, 'Cannot read config.ArgsEscaped: it must be true or false'],
    ['a negative time', { StopTimeout: -1 }, 'Cannot read config.StopTimeout: it must be an integer from 0, and is -1'],
    ['a fraction', { StopTimeout: 1.5 }, 'Cannot read config.StopTimeout: it must be an integer from 0, and is 1.5'],
    ['a list as health check', { Healthcheck: ['CMD'] }, 'Cannot read config.Healthcheck: it must be an object'],
    [
      'an unknown key below',
      { Healthcheck: { test: [] } },
      'Cannot read config.Healthcheck.test: the key must be one of Test,',
    ],
    [
      'a duration as text',
      { Healthcheck: { Interval: '30s' } },
      'Cannot read config.Healthcheck.Interval: it must be an integer',
    ],
    ['an escape in a key', { 'a\u001b[2J': 1 }, 'Cannot read config.a\\x1b[2J: the key must be one of'],
  ])('refuses %s, naming the place', (_name, json, message) => {
    expect(() => parseContainerConfig(json, 'config')).toThrowError(OciError);
    expect(() => parseContainerConfig(json, 'config')).toThrowError(
      expect.objectContaining({
        code: 'OCI_CONFIG_INVALID',
        message: expect.stringContaining(message),
        data: expect.objectContaining({ where: expect.stringMatching(/^config/) }),
      }),
    );
  });
});
