import { requireText, valueError } from './text.js';

/** A name and its value, of an environment variable, a label or an annotation. */
export interface NameValue {
  readonly name: string;
  readonly value: string;
}

/** Highest number of a user or a group that runtimes take (2^31 - 1). */
const MAX_ID = 2_147_483_647;
const MAX_PORT = 65_535;
const MAX_SIGNAL = 64;

/** Signals of Linux by name, as Docker knows them. */
const SIGNALS: ReadonlySet<string> = new Set(
  (
    'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP ' +
    'TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX'
  )
    .split(' ')
    .concat(Array.from({ length: 15 }, (_, i) => `RTMIN+${i + 1}`))
    .concat(Array.from({ length: 14 }, (_, i) => `RTMAX-${i + 1}`))
    .map((name) => `SIG${name}`),
);

/**
 * Reads `NAME=VALUE`; the value may be empty and may hold `=`.
 *
 * @throws {OciError} OCI_VALUE_INVALID
 */
export function parseEnv(text: string): NameValue {
  const variable = parseNameValue('parse environment variable', text);
  if (/\s/.test(variable.name)) {
    throw valueError('parse environment variable', text, 'have no white space in its name');
  }
  return variable;
}

/**
 * Reads `NAME=VALUE`; the value may be empty and may hold `=`.
 *
 * @throws {OciError} OCI_VALUE_INVALID
 */
export function parseLabel(text: string): NameValue {
  return parseNameValue('parse label', text);
}

/**
 * Reads `NAME=VALUE`; the value may be empty and may hold `=`.
 *
 * @throws {OciError} OCI_VALUE_INVALID
 */
export function parseAnnotation(text: string): NameValue {
  return parseNameValue('parse annotation', text);
}

/**
 * Reads `PORT[/tcp|udp|sctp]`.
 *
 * @returns with its protocol, `80/tcp`, so that one port has one spelling
 * @throws {OciError} OCI_VALUE_INVALID
 */
export function parseExposedPort(text: string): string {
  const action = 'parse exposed port';
  requireText(action, text);
  const match = /^([0-9]+)(?:\/(tcp|udp|sctp))?$/.exec(text);
  if (match === null) {
    throw valueError(action, text, 'be one PORT, PORT/tcp, PORT/udp or PORT/sctp, no range');
  }
  const port = Number(match[1]);
  if (port < 1 || port > MAX_PORT) throw valueError(action, text, `be a port from 1 to ${MAX_PORT}`);
  return `${port}/${match[2] ?? 'tcp'}`;
}

/**
 * Reads `USER[:GROUP]`, each a name or a number.
 *
 * @throws {OciError} OCI_VALUE_INVALID
 */
export function parseUser(text: string): string {
  const action = 'parse user';
  requireText(action, text);
  if (/\s/.test(text)) throw valueError(action, text, 'hold no white space');
  const parts = text.split(':');
  if (parts.length > 2 || parts.includes('')) throw valueError(action, text, 'be USER or USER:GROUP');
  for (const part of parts) {
    if (/^-?[0-9]+$/.test(part) && (part.startsWith('-') || Number(part) > MAX_ID)) {
      throw valueError(action, text, `have ids from 0 to ${MAX_ID}`);
    }
  }
  return text;
}

/**
 * Reads a signal: its name on Linux with `SIG` (`SIGTERM`, `SIGRTMIN+3`), or its number from 1 to 64.
 *
 * @throws {OciError} OCI_VALUE_INVALID
 */
export function parseStopSignal(text: string): string {
  const action = 'parse stop signal';
  requireText(action, text);
  const isKnown = /^[0-9]+$/.test(text) ? Number(text) >= 1 && Number(text) <= MAX_SIGNAL : SIGNALS.has(text);
  if (!isKnown) {
    throw valueError(
      action,
      text,
      `be a Linux signal with "SIG", such as SIGTERM, or a number from 1 to ${MAX_SIGNAL}`,
    );
  }
  return text;
}

/**
 * Reads the directory of a volume.
 *
 * @throws {OciError} OCI_VALUE_INVALID when it is not absolute
 */
export function parseVolume(text: string): string {
  return requireAbsolute('parse volume', text);
}

/**
 * Reads the directory in which the container starts.
 *
 * @throws {OciError} OCI_VALUE_INVALID when it is not absolute
 */
export function parseWorkdir(text: string): string {
  return requireAbsolute('parse working directory', text);
}

function requireAbsolute(action: string, text: string): string {
  requireText(action, text);
  if (!text.startsWith('/')) throw valueError(action, text, 'be an absolute path');
  return text;
}

function parseNameValue(action: string, text: string): NameValue {
  requireText(action, text);
  const equals = text.indexOf('=');
  if (equals < 1) throw valueError(action, text, 'be NAME=VALUE with a name that is not empty');
  return { name: text.slice(0, equals), value: text.slice(equals + 1) };
}
