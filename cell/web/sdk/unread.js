/**
 * How many messages of others the user has not read, as the server counts them, the same on every device. What is read here counts at once; what the server counted
 * before it knew of that is passed over, since another count follows.
 */
export class Unread {
  #counts = new Map();
  #readHere = new Map();

  /** False until the server has told all counts for the first time. */
  known = false;

  /** 0 to 100, which means that many or more. */
  of(channelId) {
    return this.#counts.get(channelId)?.count ?? 0;
  }

  /** {count, capped}: of all channels; capped means that many or more. */
  get total() {
    let count = 0;
    let capped = false;
    for (const entry of this.#counts.values()) {
      count += entry.count;
      capped ||= entry.capped;
    }
    return { count, capped };
  }

  /** Takes what the server says; the ids of the channels that it changes. */
  take({ channels = [], all = false }) {
    const changed = [];
    const named = new Set();
    for (const { channelId, count, capped = false, lastReadMessageId = '' } of channels) {
      named.add(channelId);
      if (count > 0 && lastReadMessageId < (this.#readHere.get(channelId) ?? '')) continue;
      if (this.#set(channelId, count, capped)) changed.push(channelId);
    }
    if (all) {
      this.known = true;
      for (const channelId of [...this.#counts.keys()]) {
        if (!named.has(channelId) && this.#set(channelId, 0, false)) changed.push(channelId);
      }
    }
    return changed;
  }

  /** The user has read everything that is here, up to a message. */
  read(channelId, upTo) {
    if (upTo > (this.#readHere.get(channelId) ?? '')) this.#readHere.set(channelId, upTo);
    this.#counts.delete(channelId);
  }

  /** Another user begins. */
  forget() {
    this.#counts.clear();
    this.#readHere.clear();
    this.known = false;
  }

  #set(channelId, count, capped) {
    const before = this.#counts.get(channelId);
    if ((before?.count ?? 0) === count && (before?.capped ?? false) === capped) return false;
    if (count > 0) this.#counts.set(channelId, { count, capped });
    else this.#counts.delete(channelId);
    return true;
  }
}
