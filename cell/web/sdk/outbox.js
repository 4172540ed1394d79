import { newRequestId } from './ids.js';

const ANSWER_TIMEOUT_MS = 10_000;
const RETRY_MS = 500;
const RETRY_LIMIT_MS = 10_000;

/**
 * Messages, and changes of messages, that the server has not accepted yet. Each is kept in storage until its verdict, and sent again under its requestId, unchanged, until there is
 * one. Sends of one channel name their predecessor (afterRequest), so that their order holds whatever is lost; changes of one message go one at a time, for the same reason.
 */
export class Outbox {
  #storage;
  #prefix;
  #clock;
  #transmit;
  #onChange;
  #entries = new Map(); // requestId -> entry, in the order of sending
  #timer = null;
  #sequence = 0;

  /** @param {object} deps storage, prefix, clock; transmit(entry): boolean; onChange(entry): an entry failed; a change is no longer here then. */
  constructor({ storage, prefix, clock, transmit, onChange }) {
    this.#storage = storage;
    this.#prefix = prefix;
    this.#clock = clock;
    this.#transmit = transmit;
    this.#onChange = onChange;
    for (const key of storage.keys(prefix)) this.#restore(key);
  }

  /** The sends to a channel, in order: {requestId, channelId, content, contentType, replyTo?, after?, afterRequest?, createdAt, error?}. */
  of(channelId) {
    return this.all.filter(entry => entry.channelId === channelId && !entry.messageId);
  }

  /** The changes of a channel's messages, in order: {requestId, channelId, messageId, content?, contentType?, createdAt}; without content: a deletion. */
  changes(channelId) {
    return this.all.filter(entry => entry.channelId === channelId && entry.messageId);
  }

  get all() {
    return [...this.#entries.values()];
  }

  get(requestId) {
    return this.#entries.get(requestId);
  }

  add({ channelId, content, contentType, replyTo, after }) {
    const previous = this.of(channelId).findLast(entry => !entry.error);
    const entry = this.#enter({ channelId, content, contentType, replyTo, after, afterRequest: previous?.requestId });
    if (this.of(channelId).some(earlier => earlier.waiting)) this.#due(entry, 0);
    else this.#send(entry);
    return entry;
  }

  /** Changes an accepted message: to this content, or without one, deletes it. */
  change({ channelId, messageId, content, contentType }) {
    const entry = this.#enter({ channelId, messageId, content, contentType });
    this.#send(entry);
    return entry;
  }

  /** A new socket is there: everything without a verdict goes out again, in order. */
  connected() {
    for (const entry of this.#entries.values()) {
      if (!entry.error) this.#send(entry);
    }
  }

  disconnected() {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
    for (const entry of this.#entries.values()) {
      entry.dueAt = undefined;
      entry.waiting = false;
    }
  }

  /** The verdict is "accepted"; returns the entry, or undefined when it is known already. */
  accepted(requestId) {
    return this.#take(requestId);
  }

  /** The verdict is no, or not yet. Returns the entry. */
  refused(requestId, error) {
    const entry = this.#entries.get(requestId);
    if (!entry || entry.error) return entry;
    if (error.temporary) {
      entry.tries = (entry.tries ?? 0) + 1;
      entry.waiting = true;
      this.#due(entry, error.retryAfter ?? Math.min(RETRY_LIMIT_MS, RETRY_MS * 2 ** Math.min(entry.tries, 5)));
      return entry;
    }
    entry.error = { code: error.code, message: error.message };
    if (entry.messageId) {
      this.#take(requestId); // it never was: the message shows again as it is
      this.#onChange(entry);
      return entry;
    }
    entry.dueAt = undefined;
    entry.waiting = false;
    this.#keep(entry);
    // It was never judged: who names it as predecessor would wait for it for ever.
    for (const next of this.#entries.values()) {
      if (next.afterRequest !== requestId) continue;
      next.afterRequest = this.#entries.has(entry.afterRequest) ? entry.afterRequest : undefined;
      this.#keep(next);
    }
    this.#schedule();
    this.#onChange(entry);
    return entry;
  }

  /** Gives up an entry that failed. */
  discard(requestId) {
    return this.#take(requestId);
  }

  #enter(what) {
    const entry = { requestId: newRequestId(), ...what, createdAt: this.#clock.now() };
    entry.key = `${this.#prefix}${String(entry.createdAt).padStart(15, '0')}.${String(this.#sequence++).padStart(6, '0')}.${entry.requestId}`;
    this.#entries.set(entry.requestId, entry);
    this.#keep(entry);
    return entry;
  }

  #take(requestId) {
    const entry = this.#entries.get(requestId);
    if (!entry) return undefined;
    this.#entries.delete(requestId);
    this.#storage.remove(entry.key);
    if (entry.waiting) this.#schedule();
    const next = entry.messageId && this.#firstChange(entry.messageId);
    if (next) this.#send(next);
    return entry;
  }

  #firstChange(messageId) {
    return this.all.find(entry => entry.messageId === messageId);
  }

  #send(entry) {
    if (entry.messageId && this.#firstChange(entry.messageId) !== entry) return; // goes when the one before it has its verdict
    entry.dueAt = undefined;
    entry.waiting = false;
    // A predecessor that was accepted is not named any more: the server remembers requests for a day, and would wait for one that it has forgotten.
    const afterRequest = this.#entries.has(entry.afterRequest) ? entry.afterRequest : undefined;
    if (this.#transmit({ ...entry, afterRequest })) this.#due(entry, ANSWER_TIMEOUT_MS);
  }

  #due(entry, delay) {
    entry.dueAt = this.#clock.now() + delay;
    this.#schedule();
  }

  // One timer for the earliest; then all that are due go in order. What comes behind one that was told to wait goes after it, not before: it would be refused until then,
  // and use up what the sender may send.
  #schedule() {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
    let earliest = Infinity;
    for (const entry of this.#free(() => true)) earliest = Math.min(earliest, entry.dueAt);
    if (earliest === Infinity) return;
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = null;
      const now = this.#clock.now();
      for (const entry of this.#free(waiting => waiting.dueAt > now)) {
        if (entry.dueAt <= now) this.#send(entry);
      }
      this.#schedule();
    }, Math.max(0, earliest - this.#clock.now()));
  }

  /** The entries with a due time, but sends behind a send of their channel that waits and holds. */
  *#free(holds) {
    const held = new Set();
    for (const entry of this.all) {
      if (entry.dueAt === undefined || (!entry.messageId && held.has(entry.channelId))) continue;
      if (!entry.messageId && entry.waiting && holds(entry)) held.add(entry.channelId);
      yield entry;
    }
  }

  #keep(entry) {
    const { requestId, channelId, messageId, content, contentType, replyTo, after, afterRequest, createdAt, error } = entry;
    this.#storage.set(entry.key, JSON.stringify({ requestId, channelId, messageId, content, contentType, replyTo, after, afterRequest, createdAt, error }));
  }

  #restore(key) {
    try {
      const entry = JSON.parse(this.#storage.get(key));
      if (entry?.requestId && entry.channelId) this.#entries.set(entry.requestId, { ...entry, key });
    } catch {
      this.#storage.remove(key); // not ours, or cut off: there is nothing to send
    }
  }
}
