/** What an error is about: the values that its message names, for programs that handle it. */
export type ErrorData = Readonly<Record<string, unknown>>;

/**
 * The base of every error that tarseal throws on purpose.
 *
 * `code` is stable across versions; the message names action, subject, limit and value. Anything thrown that is not a
 * `TarsealError` is a defect of tarseal.
 */
export class TarsealError extends Error {
  /** Stable code in SCREAMING_SNAKE_CASE, e.g. `TAR_FIELD_RANGE`. */
  readonly code: string;
  readonly data: ErrorData;

  constructor(code: string, message: string, data: ErrorData = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.data = data;
  }
}
