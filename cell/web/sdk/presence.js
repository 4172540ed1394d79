import { newRequestId } from './ids.js';

const MOST = 200;
const SETTLE_MS = 150;

// Below what the service lets pass: 10 at once and 1 a second, of all tabs of a user.
const BURST = 5;
const EACH_MS = 1_000;

/**
 * Who is there, of those that somebody looks at: the view is told to the server as a whole and again on each connection. While there is no connection nothing is known.
 */
export class Presence {
  #deps;
  #view = [];
  #said = null; // what this connection's server was told, as text
  #statuses = new Map();
  #timer = null;
  #requestId = null;
  #freeAt = 0; // when the next one would go out if there were no burst

  /** @param {object} deps clock; send(userIds, requestId): false when there is no connection; onChange(userIds). */
  constructor(deps) {
    this.#deps = deps;
  }

  /** {status: "online"|"away"|"offline", lastActiveAt?, devices}; undefined for who isn't in view, or not known yet. */
  of(userId) {
    return this.#statuses.get(userId);
  }

  /** Looks at these users, the first 200 of them, and no others. A list that is scrolled through changes often: the server is told when it rests. */
  watch(userIds) {
    this.#view = [...new Set(userIds)].slice(0, MOST).sort();
    if (this.#said === this.#view.join()) {
      this.#deps.clock.clearTimeout(this.#timer);
      this.#timer = null;
      return;
    }
    this.#tellIn(Math.max(SETTLE_MS, this.#freeAt - (BURST - 1) * EACH_MS - this.#deps.clock.now()));
  }

  /** Takes an error frame; false when it isn't about a view. */
  refused(requestId, { code, retryAfter }) {
    if (!requestId || requestId !== this.#requestId) return false;
    // Whom the user may not see looks offline, and needs no error. What was not taken is told again.
    if (code === 'rate_limited' || code === 'retry' || code === 'busy') {
      if (this.#said !== null) this.#said = '?';
      this.#tellIn(Math.max(retryAfter ?? 0, EACH_MS));
    }
    return true;
  }

  take({ userId, status, lastActiveAt, devices = [] }) {
    if (!this.#view.includes(userId)) return; // on its way when the view changed
    this.#statuses.set(userId, { status, lastActiveAt, devices });
    this.#deps.onChange([userId]);
  }

  connected() {
    this.#said = '';
    this.#tell();
  }

  disconnected() {
    this.#said = null;
    const gone = [...this.#statuses.keys()];
    this.#statuses.clear();
    if (gone.length > 0) this.#deps.onChange(gone);
  }

  /** Another user begins. */
  forget() {
    this.#deps.clock.clearTimeout(this.#timer);
    this.#timer = null;
    this.#view = [];
    this.disconnected();
  }

  #tellIn(delay) {
    this.#timer ??= this.#deps.clock.setTimeout(() => {
      this.#timer = null;
      this.#tell();
    }, delay);
  }

  #tell() {
    const view = this.#view.join();
    const requestId = newRequestId();
    if (this.#said === null || this.#said === view || !this.#deps.send(this.#view, requestId)) return;
    this.#said = view;
    this.#requestId = requestId;
    this.#freeAt = Math.max(this.#freeAt, this.#deps.clock.now()) + EACH_MS;
    const gone = [...this.#statuses.keys()].filter(userId => !this.#view.includes(userId));
    for (const userId of gone) this.#statuses.delete(userId);
    if (gone.length > 0) this.#deps.onChange(gone);
  }
}
