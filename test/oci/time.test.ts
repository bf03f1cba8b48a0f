import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTime, OciError, parseTime } from '../../src/oci/index.js';
import { clientTest } from '../support/clients.js';
import { run } from '../support/commands.js';

const MIN = -62_167_219_200;
const MAX = 253_402_300_799;

describe('parseTime', () => {
  // Seconds from GNU date: date -u -d TEXT +%s
  test.each([
    ['@0', 0],
    ['@-0', 0],
    ['@1', 1],
    ['@-1', -1],
    ['@0042', 42],
    ['@253402300799', MAX],
    ['@-62167219200', MIN],
    ['1970-01-01T00:00:01Z', 1],
    ['1970-01-01T00:00:00', 0],
    ['1970-01-01', 0],
    ['1969-12-31T23:59:59Z', -1],
    ['2026-11-21T09:30:00Z', 1_795_253_400],
    ['2026-11-21T09:30:00', 1_795_253_400],
    ['2026-11-21T10:30:00+01:00', 1_795_253_400],
    ['2026-11-21T01:00:00-08:30', 1_795_253_400],
    ['2026-11-21T09:30:00-00:00', 1_795_253_400],
    ['2000-02-29T00:00:00Z', 951_782_400],
    ['2024-02-29', 1_709_164_800],
    ['2038-01-19T03:14:08Z', 2_147_483_648],
    ['0000-01-01T00:00:00Z', MIN],
    ['0000-02-29', MIN + 59 * 86_400],
    ['0099-12-31T23:59:59Z', -59_011_459_201],
    ['9999-12-31T23:59:59Z', MAX],
    ['9999-12-31T23:59:59+23:59', MAX - 86_340],
  ])('reads %s', (text, seconds) => {
    expect(parseTime(text)).toBe(seconds);
  });

  test.each([
    ['', 'it must be @SECONDS or ISO 8601 in whole seconds (YYYY-MM-DDTHH:MM:SSZ), and is ""'],
    ['now', 'it must be @SECONDS or ISO 8601'],
    ['1', 'it must be @SECONDS or ISO 8601'],
    ['@', 'it must be @SECONDS or ISO 8601'],
    ['@1.5', 'it must be @SECONDS or ISO 8601'],
    ['@+1', 'it must be @SECONDS or ISO 8601'],
    ['@1e3', 'it must be @SECONDS or ISO 8601'],
    ['@ 1', 'it must be @SECONDS or ISO 8601'],
    ['2026-11-21 09:30:00', 'it must be @SECONDS or ISO 8601'],
    ['2026-11-21T09:30', 'it must be @SECONDS or ISO 8601'],
    ['2026-11-21T09:30:00z', 'it must be @SECONDS or ISO 8601'],
    ['2026-11-21t09:30:00Z', 'it must be @SECONDS or ISO 8601'],
    ['2026-11-21T09:30:00+01', 'it must be @SECONDS or ISO 8601'],
    ['2026-11-21T09:30:00+0100', 'it must be @SECONDS or ISO 8601'],
    ['2026-11-21T09:30:00 UTC', 'it must be @SECONDS or ISO 8601'],
    ['2026-11-21Z', 'it must be @SECONDS or ISO 8601'],
    ['20261121T093000Z', 'it must be @SECONDS or ISO 8601'],
    ['26-11-21', 'it must be @SECONDS or ISO 8601'],
    ['+12026-11-21', 'it must be @SECONDS or ISO 8601'],
    ['2026-11-21T09:30:00Z\n', 'it must be @SECONDS or ISO 8601'],
    ['２026-11-21', 'it must be @SECONDS or ISO 8601'],
    ['2026-11-21T09:30:00.5Z', 'it must be in whole seconds, and is "2026-11-21T09:30:00.5Z"'],
    ['2026-11-21T09:30:00.000Z', 'it must be in whole seconds'],
    ['2026-11-21T09:30:00,5', 'it must be in whole seconds'],
    ['2026-02-30', 'day must be from 1 to 28, and is 30'],
    ['2100-02-29', 'day must be from 1 to 28, and is 29'],
    ['2024-02-30', 'day must be from 1 to 29, and is 30'],
    ['2026-04-31', 'day must be from 1 to 30, and is 31'],
    ['2026-01-32', 'day must be from 1 to 31, and is 32'],
    ['2026-01-00', 'day must be from 1 to 31, and is 0'],
    ['2026-00-01', 'month must be from 1 to 12, and is 0'],
    ['2026-13-01', 'month must be from 1 to 12, and is 13'],
    ['2026-11-21T24:00:00Z', 'hour must be from 0 to 23, and is 24'],
    ['2026-11-21T09:60:00Z', 'minute must be from 0 to 59, and is 60'],
    ['2016-12-31T23:59:60Z', 'second must be from 0 to 59, and is 60'],
    ['2026-11-21T09:30:00+24:00', 'hour of the offset must be from 0 to 23, and is 24'],
    ['2026-11-21T09:30:00+01:60', 'minute of the offset must be from 0 to 59, and is 60'],
  ])('refuses %j', (text, message) => {
    expect(() => parseTime(text)).toThrowError(OciError);
    expect(() => parseTime(text)).toThrowError(
      expect.objectContaining({ code: 'OCI_TIME_INVALID', message: expect.stringContaining(message) }),
    );
  });

  test.each([
    '@253402300800',
    '@-62167219201',
    `@${'9'.repeat(40)}`,
    '0000-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
  ])('refuses %s, which is outside the years 0000 to 9999', (text) => {
    expect(() => parseTime(text)).toThrowError(
      expect.objectContaining({ code: 'OCI_TIME_RANGE', message: expect.stringContaining(`"${text}"`) }),
    );
  });
});

describe('formatTime', () => {
  test.each([
    [1, '1970-01-01T00:00:01Z'],
    [0, '1970-01-01T00:00:00Z'],
    [-1, '1969-12-31T23:59:59Z'],
    [MIN, '0000-01-01T00:00:00Z'],
    [MAX, '9999-12-31T23:59:59Z'],
  ])('writes %d', (seconds, text) => {
    expect(formatTime(seconds)).toBe(text);
  });

  test.each([MIN - 1, MAX + 1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d', (seconds) => {
    expect(() => formatTime(seconds)).toThrowError(expect.objectContaining({ code: 'OCI_TIME_RANGE' }));
  });

  test('is read back by parseTime', () => {
    fc.assert(
      fc.property(fc.integer({ min: MIN, max: MAX }), (seconds) => {
        expect(parseTime(formatTime(seconds))).toBe(seconds);
        expect(parseTime(`@${seconds}`)).toBe(seconds);
      }),
      { seed: 8, numRuns: 1000 },
    );
  });

  // Python's calendar begins with the year 1.
  clientTest('python3')('writes what Python writes', () => {
    const samples = fc.sample(fc.integer({ min: MIN + 366 * 86_400, max: MAX }), { seed: 9, numRuns: 500 });
    const program =
      'import sys, datetime as d; e = d.datetime(1970, 1, 1)\n' +
      'for n in sys.argv[1:]: print((e + d.timedelta(seconds=int(n))).isoformat() + "Z")';
    const witness = run('python3', ['-c', program, ...samples.map(String)]).toString();
    expect(samples.map((seconds) => `${formatTime(seconds)}\n`).join('')).toBe(witness);
  });
});
