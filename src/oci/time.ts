import { OciError } from './oci-error.js';
import { shown } from './text.js';

/** 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what four digits of a year can say. */
const MIN_SECONDS = -62_167_219_200;
const MAX_SECONDS = 253_402_300_799;

const SECONDS = /^@(-?[0-9]+)$/;
const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2}):(\d{2})([.,]\d+)?(Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * Reads a time: `@SECONDS` since 1970-01-01T00:00:00Z, or ISO 8601 in whole seconds (`2026-11-21T09:30:00`, with `Z` or
 * an offset `+01:00`; no zone means UTC, and a date alone its midnight). No clock is read.
 *
 * @returns whole seconds since 1970-01-01T00:00:00Z; negative before it
 * @throws {OciError} OCI_TIME_INVALID for another grammar, a fraction, or a field out of range such as February 30;
 *   OCI_TIME_RANGE for a time outside the years 0000 to 9999
 */
export function parseTime(text: string): number {
  const counted = SECONDS.exec(text);
  // || 0: of @-0 no minus sign stays.
  if (counted !== null) return requireRange(Number(counted[1]) || 0, text);

  const match = ISO.exec(text);
  if (match === null) throw timeError(text, 'it must be @SECONDS or ISO 8601 in whole seconds (YYYY-MM-DDTHH:MM:SSZ)');
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction, zone = 'Z'] = match;
  if (fraction !== undefined) throw timeError(text, 'it must be in whole seconds');

  const months = requireField(text, 'month', Number(month), 1, 12);
  requireField(text, 'day', Number(day), 1, daysInMonth(Number(year), months));
  requireField(text, 'hour', Number(hour), 0, 23);
  requireField(text, 'minute', Number(minute), 0, 59);
  // POSIX time has no leap seconds: 60 would be the next minute's 0.
  requireField(text, 'second', Number(second), 0, 59);

  const date = new Date(0);
  // Not Date.UTC, which takes the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(Number(year), months - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  return requireRange(date.getTime() / 1000 - offsetSeconds(text, zone), text);
}

/**
 * Writes a time as the specifications want it: `1970-01-01T00:00:01Z`.
 *
 * @param seconds whole seconds since 1970-01-01T00:00:00Z
 * @throws {OciError} OCI_TIME_RANGE when it is no integer or outside the years 0000 to 9999
 */
export function formatTime(seconds: number): string {
  requireRange(seconds, `@${seconds}`);
  return `${new Date(seconds * 1000).toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)}Z`;
}

function offsetSeconds(text: string, zone: string): number {
  if (zone === 'Z') return 0;
  const hours = requireField(text, 'hour of the offset', Number(zone.slice(1, 3)), 0, 23);
  const minutes = requireField(text, 'minute of the offset', Number(zone.slice(4, 6)), 0, 59);
  const seconds = hours * 3600 + minutes * 60;
  return zone.startsWith('-') ? -seconds : seconds;
}

function daysInMonth(year: number, month: number): number {
  const isLeapYear = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return [31, isLeapYear ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]!;
}

function requireField(text: string, field: string, value: number, min: number, max: number): number {
  if (value < min || value > max) {
    throw timeError(text, `${field} must be from ${min} to ${max}`, value, [min, max]);
  }
  return value;
}

function requireRange(seconds: number, text: string): number {
  if (!Number.isInteger(seconds) || seconds < MIN_SECONDS || seconds > MAX_SECONDS) {
    throw new OciError(
      'OCI_TIME_RANGE',
      `Cannot use time "${shown(text)}": it must be a whole second from @${MIN_SECONDS} to @${MAX_SECONDS} (years 0000 to 9999), and is @${seconds}`,
      { text, value: seconds, limit: [MIN_SECONDS, MAX_SECONDS] },
    );
  }
  return seconds;
}

function timeError(text: string, rule: string, value: string | number = text, limit?: readonly number[]): OciError {
  const actual = typeof value === 'string' ? `"${shown(value)}"` : value;
  return new OciError('OCI_TIME_INVALID', `Cannot parse time "${shown(text)}": ${rule}, and is ${actual}`, {
    text,
    value,
    limit,
  });
}
