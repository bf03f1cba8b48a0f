import { displayName, encodeUtf8 } from '../bytes/index.js';
import { OciError } from './oci-error.js';

/** Text as a message shows it: control characters escaped, cut where it is long. */
export function shown(text: string): string {
  const limit = 300;
  return displayName(encodeUtf8(text.length > limit ? `${text.slice(0, limit)}…` : text));
}

/** Whether the text holds half of a surrogate pair, which UTF-8 cannot say and a decoder would replace in silence. */
export function hasLoneSurrogate(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}

/**
 * Refuses what no string of an image may hold: NUL ends a string of the kernel's, and a lone surrogate has no UTF-8.
 *
 * @param action of the message, e.g. `parse env`
 * @throws {OciError} OCI_VALUE_INVALID
 */
export function requireText(action: string, text: string): void {
  const rule = text.includes('\0')
    ? 'hold no NUL byte'
    : hasLoneSurrogate(text)
      ? 'hold no lone surrogate'
      : text === ''
        ? 'not be empty'
        : undefined;
  if (rule !== undefined) throw valueError(action, text, rule);
}

/** The error of a value that breaks a rule; `rule` completes "it must". */
export function valueError(action: string, text: string, rule: string): OciError {
  return new OciError('OCI_VALUE_INVALID', `Cannot ${action}: it must ${rule}, and is "${shown(text)}"`, {
    value: text,
    rule,
  });
}
