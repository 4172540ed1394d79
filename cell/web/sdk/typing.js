const AGAIN_MS = 3_000;
const STOPPED_MS = 5_000;
const FORGET_MS = 6_000;

/** Who is writing. What is said here is said again while it goes on, and forgotten by itself when nothing more comes. */
export class Typing {
  #deps;
  #mine = new Map(); // channel -> {saidAt, timer}
  #others = new Map(); // channel -> Map of user -> timer

  /** @param {object} deps clock; send(channelId, typing): false when there is no connection; onChange(channelId). */
  constructor(deps) {
    this.#deps = deps;
  }

  /** The user wrote something in the channel's field just now, or stopped. */
  say(channelId, typing) {
    const now = this.#deps.clock.now();
    const mine = this.#mine.get(channelId);
    if (!typing) {
      if (!mine) return;
      this.#deps.clock.clearTimeout(mine.timer);
      this.#mine.delete(channelId);
      this.#deps.send(channelId, false);
      return;
    }
    const said = mine && now - mine.saidAt < AGAIN_MS;
    if (mine) this.#deps.clock.clearTimeout(mine.timer);
    if (!said) this.#deps.send(channelId, true);
    this.#mine.set(channelId, { saidAt: said ? mine.saidAt : now, timer: this.#deps.clock.setTimeout(() => this.say(channelId, false), STOPPED_MS) });
  }

  /** The ids of the others who write in a channel, who began first coming first. */
  in(channelId) {
    return [...(this.#others.get(channelId)?.keys() ?? [])];
  }

  take({ channelId, userId, typing }) {
    const known = this.#others.get(channelId)?.get(userId);
    if (!typing) {
      this.stopped(channelId, userId);
      return;
    }
    if (!this.#others.has(channelId)) this.#others.set(channelId, new Map());
    this.#deps.clock.clearTimeout(known);
    this.#others.get(channelId).set(userId, this.#deps.clock.setTimeout(() => this.stopped(channelId, userId), FORGET_MS));
    if (known === undefined) this.#deps.onChange(channelId);
  }

  /** Somebody's message came, or they said that they stopped. */
  stopped(channelId, userId) {
    const users = this.#others.get(channelId);
    if (!users?.has(userId)) return;
    this.#deps.clock.clearTimeout(users.get(userId));
    users.delete(userId);
    if (users.size === 0) this.#others.delete(channelId);
    this.#deps.onChange(channelId);
  }

  /** Without a connection nobody is heard. */
  disconnected() {
    for (const { timer } of this.#mine.values()) this.#deps.clock.clearTimeout(timer);
    this.#mine.clear();
    for (const [channelId, users] of [...this.#others]) {
      for (const userId of [...users.keys()]) this.stopped(channelId, userId);
    }
  }
}
