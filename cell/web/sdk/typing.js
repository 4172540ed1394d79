const AGAIN_MS = 3_000;
const STOPPED_MS = 5_000;
const FORGET_MS = 6_000;

// The service passes on one "typing" of a channel every 2 s and drops the others.
const LEAST_MS = 2_100;

/** Who is writing. What is said here is said again while it goes on, and forgotten by itself when nothing more comes. */
export class Typing {
  #deps;
  #mine = new Map(); // channel -> {said, stop, later}: while the user writes there
  #saidAt = new Map(); // channel -> when it was last said
  #others = new Map(); // channel -> Map of user -> timer

  /** @param {object} deps clock; send(channelId, typing): false when there is no connection; onChange(channelId). */
  constructor(deps) {
    this.#deps = deps;
  }

  /** The user wrote something in the channel's field just now, or stopped. */
  say(channelId, typing) {
    const { clock } = this.#deps;
    const mine = this.#mine.get(channelId) ?? { said: false };
    clock.clearTimeout(mine.stop);
    if (!typing) {
      clock.clearTimeout(mine.later);
      this.#mine.delete(channelId);
      if (mine.said) this.#deps.send(channelId, false);
      return;
    }
    this.#mine.set(channelId, mine);
    mine.stop = clock.setTimeout(() => this.say(channelId, false), STOPPED_MS);
    const wait = (this.#saidAt.get(channelId) ?? -Infinity) + (mine.said ? AGAIN_MS : LEAST_MS) - clock.now();
    if (wait <= 0) this.#tell(channelId, mine);
    else if (!mine.said) mine.later ??= clock.setTimeout(() => this.#tell(channelId, mine), wait);
  }

  #tell(channelId, mine) {
    this.#saidAt.set(channelId, this.#deps.clock.now());
    if (this.#deps.send(channelId, true)) mine.said = true;
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
    for (const { stop, later } of this.#mine.values()) {
      this.#deps.clock.clearTimeout(stop);
      this.#deps.clock.clearTimeout(later);
    }
    this.#mine.clear();
    for (const [channelId, users] of [...this.#others]) {
      for (const userId of [...users.keys()]) this.stopped(channelId, userId);
    }
  }
}
