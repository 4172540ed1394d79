import { ChatError } from './errors.js';

const REFRESH_AHEAD_MS = 60_000;
const SOONEST_MS = 1_000;
const KEY = 'session';

/** Who is logged in on this device, with tokens that are renewed before they expire. Several tabs share one session. */
export class Session {
  #http;
  #storage;
  #clock;
  #locks;
  #current;
  #refreshing = null;
  #stale = null;
  #onChange;

  constructor({ http, storage, clock, locks, onChange }) {
    this.#http = http;
    this.#storage = storage;
    this.#clock = clock;
    this.#locks = locks;
    this.#onChange = onChange;
    this.#current = this.#stored();
  }

  /** {userId, handle, displayName, deviceId, accessToken, expiresAt, refreshToken}, or null. */
  get current() {
    return this.#current;
  }

  /** Takes what a log-in answered. */
  begin(session) {
    this.#keep(session);
    this.#onChange(session);
  }

  /** Forgets it on this device. */
  end() {
    this.#current = null;
    this.#storage.remove(KEY);
    this.#onChange(null);
  }

  /** An access token that is good for a while. */
  async accessToken() {
    const session = this.#require();
    if (this.#isFresh(session)) return session.accessToken;
    return (await this.#refresh()).accessToken;
  }

  /** How long until the token should be renewed, in ms. */
  get refreshIn() {
    const session = this.#current;
    return session ? Math.max(SOONEST_MS, (session.goodUntil || 0) - this.#clock.now() - aheadOf(session)) : Infinity;
  }

  /** The server has refused this token: the next one asked for is a new one. */
  reject(accessToken) {
    this.#stale = accessToken;
  }

  #isFresh(session) {
    return session.accessToken !== this.#stale && session.goodUntil - this.#clock.now() > aheadOf(session);
  }

  #refresh() {
    this.#refreshing ??= this.#exclusively(() => this.#refreshOnce()).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refreshOnce() {
    const before = this.#require();
    // Another tab may have renewed it meanwhile; a refresh token works once.
    const stored = this.#stored();
    if (stored?.userId === before.userId && stored.refreshToken !== before.refreshToken) {
      this.#current = stored;
      if (this.#isFresh(stored)) return stored;
    }
    const { userId, refreshToken } = this.#current;
    try {
      const renewed = await this.#http.send('POST', `/v1/users/${encodeURIComponent(userId)}/tokens`, { body: { refreshToken } });
      return this.#keep(renewed);
    } catch (error) {
      if (error.status !== 401 && error.status !== 403 && error.status !== 404) throw error;
      this.end();
      throw new ChatError('session_ended', 'This device is logged out. Log in again.', { status: 401 });
    }
  }

  #exclusively(action) {
    return this.#locks ? this.#locks.request('chat-cells-refresh', action) : action();
  }

  #keep(session) {
    this.#stale = null;
    const lifetime = lifetimeOf(session, this.#clock.now());
    this.#current = { ...session, lifetime, goodUntil: this.#clock.now() + lifetime };
    this.#storage.set(KEY, JSON.stringify(this.#current));
    return this.#current;
  }

  #stored() {
    try {
      const session = JSON.parse(this.#storage.get(KEY) ?? 'null');
      return session?.userId && session.refreshToken ? session : null;
    } catch {
      return null;
    }
  }

  #require() {
    if (!this.#current) throw new ChatError('session_ended', 'Log in first.', { status: 401 });
    return this.#current;
  }
}

// Tokens that live shorter than two minutes are renewed at half their time.
function aheadOf(session) {
  return Math.min(REFRESH_AHEAD_MS, session.lifetime / 2);
}

/** How long a token lives, by its own two times: this device's clock may be hours off. */
function lifetimeOf({ accessToken, expiresAt }, now) {
  try {
    const { iat, exp } = JSON.parse(atob(accessToken.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
    if (exp > iat) return (exp - iat) * 1000;
  } catch {
    // Not a token that we can read: its stated end has to do.
  }
  return Math.max(expiresAt - now, REFRESH_AHEAD_MS);
}
