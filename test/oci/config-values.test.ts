import { describe, expect, test } from 'vitest';
import {
  OciError,
  parseAnnotation,
  parseEnv,
  parseExposedPort,
  parseLabel,
  parseStopSignal,
  parseUser,
  parseVolume,
  parseWorkdir,
} from '../../src/oci/index.js';

type Case = readonly [parse: (text: string) => unknown, text: string, outcome: unknown];

describe('accepted', () => {
  test.each<Case>([
    [parseEnv, 'PATH=/bin', { name: 'PATH', value: '/bin' }],
    [parseEnv, 'EMPTY=', { name: 'EMPTY', value: '' }],
    [parseEnv, 'A=b=c', { name: 'A', value: 'b=c' }],
    [parseEnv, 'A= spaces\nand é ', { name: 'A', value: ' spaces\nand é ' }],
    [parseEnv, 'with.dot-dash=1', { name: 'with.dot-dash', value: '1' }],
    [parseLabel, 'org.example.key=value', { name: 'org.example.key', value: 'value' }],
    [parseLabel, 'a b==', { name: 'a b', value: '=' }],
    [parseAnnotation, 'k=', { name: 'k', value: '' }],
    [parseExposedPort, '80', '80/tcp'],
    [parseExposedPort, '080/udp', '80/udp'],
    [parseExposedPort, '1/sctp', '1/sctp'],
    [parseExposedPort, '65535/tcp', '65535/tcp'],
    [parseUser, 'nobody', 'nobody'],
    [parseUser, '0', '0'],
    [parseUser, '1000:1000', '1000:1000'],
    [parseUser, 'app:2147483647', 'app:2147483647'],
    [parseUser, 'first.last:app-users', 'first.last:app-users'],
    [parseStopSignal, 'SIGTERM', 'SIGTERM'],
    [parseStopSignal, 'SIGRTMIN+3', 'SIGRTMIN+3'],
    [parseStopSignal, 'SIGRTMIN+15', 'SIGRTMIN+15'],
    [parseStopSignal, 'SIGRTMAX-14', 'SIGRTMAX-14'],
    [parseStopSignal, 'SIGRTMAX', 'SIGRTMAX'],
    [parseStopSignal, '1', '1'],
    [parseStopSignal, '64', '64'],
    [parseVolume, '/data', '/data'],
    [parseWorkdir, '/', '/'],
    [parseWorkdir, '/a b/é', '/a b/é'],
  ])('%o of %j', (parse, text, expected) => {
    expect(parse(text)).toStrictEqual(expected);
  });
});

describe('refused', () => {
  const parsers = [
    parseEnv,
    parseLabel,
    parseAnnotation,
    parseExposedPort,
    parseUser,
    parseStopSignal,
    parseVolume,
    parseWorkdir,
  ] as const;

  test.each(parsers)('%o of nothing, of a NUL byte and of a lone surrogate', (parse) => {
    expect(() => parse('')).toThrowError('it must not be empty, and is ""');
    expect(() => parse('/A=b\0')).toThrowError('it must hold no NUL byte, and is "/A=b\\x00"');
    expect(() => parse('/A=b\ud800')).toThrowError('it must hold no lone surrogate');
  });

  test.each<Case>([
    [
      parseEnv,
      'PATH',
      'Cannot parse environment variable: it must be NAME=VALUE with a name that is not empty, and is "PATH"',
    ],
    [parseEnv, '=x', 'must be NAME=VALUE'],
    [parseEnv, ' A=x', 'must have no white space in its name'],
    [parseEnv, 'A\n=x', 'must have no white space in its name, and is "A\\n=x"'],
    [parseLabel, 'key', 'Cannot parse label: it must be NAME=VALUE'],
    [parseLabel, '=v', 'must be NAME=VALUE'],
    [parseAnnotation, 'key', 'Cannot parse annotation: it must be NAME=VALUE'],
    [parseExposedPort, '0', 'must be a port from 1 to 65535, and is "0"'],
    [parseExposedPort, '65536', 'must be a port from 1 to 65535, and is "65536"'],
    [parseExposedPort, '8000-8010', 'no range, and is "8000-8010"'],
    [parseExposedPort, '80/TCP', 'must be one PORT'],
    [parseExposedPort, '80/', 'must be one PORT'],
    [parseExposedPort, '80/icmp', 'must be one PORT'],
    [parseExposedPort, '8080:80', 'must be one PORT'],
    [parseExposedPort, '-1', 'must be one PORT'],
    [parseExposedPort, '80 ', 'must be one PORT'],
    [parseUser, 'a:b:c', 'Cannot parse user: it must be USER or USER:GROUP, and is "a:b:c"'],
    [parseUser, ':b', 'must be USER or USER:GROUP'],
    [parseUser, 'a:', 'must be USER or USER:GROUP'],
    [parseUser, 'a b', 'must hold no white space'],
    [parseUser, '2147483648', 'must have ids from 0 to 2147483647'],
    [parseUser, '0:-1', 'must have ids from 0 to 2147483647'],
    [
      parseStopSignal,
      'TERM',
      'must be a Linux signal with "SIG", such as SIGTERM, or a number from 1 to 64, and is "TERM"',
    ],
    [parseStopSignal, 'sigterm', 'must be a Linux signal'],
    [parseStopSignal, 'SIGNOPE', 'must be a Linux signal'],
    [parseStopSignal, 'SIGRTMIN+16', 'must be a Linux signal'],
    [parseStopSignal, 'SIGRTMAX-15', 'must be a Linux signal'],
    [parseStopSignal, '0', 'must be a Linux signal'],
    [parseStopSignal, '65', 'must be a Linux signal'],
    [parseVolume, 'data', 'Cannot parse volume: it must be an absolute path, and is "data"'],
    [parseVolume, './data', 'must be an absolute path'],
    [parseWorkdir, 'work', 'Cannot parse working directory: it must be an absolute path, and is "work"'],
  ])('%o of %j', (parse, text, message) => {
    expect(() => parse(text)).toThrowError(OciError);
    expect(() => parse(text)).toThrowError(
      expect.objectContaining({
        code: 'OCI_VALUE_INVALID',
        message: expect.stringContaining(message as string),
        data: expect.objectContaining({ value: text }),
      }),
    );
  });
});
