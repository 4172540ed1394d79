const MOST = 200;
const SETTLE_MS = 150;

/**
 * Who is there, of those that somebody looks at: the view is told to the server as a whole and again on each connection. While there is no connection nothing is known.
 */
export class Presence {
  #deps;
  #view = [];
  #said = null; // what this connection's server was told, as text
  #statuses = new Map();
  #timer = null;

  /** @param {object} deps clock; send(userIds): false when there is no connection; onChange(userIds). */
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
    this.#timer ??= this.#deps.clock.setTimeout(() => {
      this.#timer = null;
      this.#tell();
    }, SETTLE_MS);
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

  #tell() {
    const view = this.#view.join();
    if (this.#said === null || this.#said === view || !this.#deps.send(this.#view)) return;
    this.#said = view;
    for (const userId of [...this.#statuses.keys()]) {
      if (!this.#view.includes(userId)) this.#statuses.delete(userId);
    }
  }
}
