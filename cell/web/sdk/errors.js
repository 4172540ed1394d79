/** An answer that says no: over HTTP, in an `error` frame, or none at all (code "network"). */
export class ChatError extends Error {
  /**
   * @param {string} code One of the protocol's error codes, or "network", "session_ended".
   * @param {string} message What was wrong and what to do.
   * @param {{status?: number, retryAfter?: number, home?: string}} [more] retryAfter in milliseconds.
   */
  constructor(code, message, more = {}) {
    super(message);
    this.name = 'ChatError';
    this.code = code;
    this.status = more.status;
    this.retryAfter = more.retryAfter;
    this.home = more.home;
  }

  /** Whether the same request may succeed later. */
  get temporary() {
    return TEMPORARY.has(this.code);
  }
}

const TEMPORARY = new Set(['network', 'retry', 'busy', 'rate_limited', 'cell_unavailable', 'moved']);
