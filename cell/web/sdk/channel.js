import { maxId, timeOf } from './ids.js';

const MOST_EARLY = 200;

/** What this device knows of one channel: members, messages by id, receipts. */
export class Channel {
  #messages = []; // accepted, by id
  #byId = new Map();
  #early = new Map(); // message id -> the change of a message that isn't here
  #receipts = new Map(); // user id -> {deliveredUpTo, readUpTo}
  #history = { next: undefined, started: false, done: false };

  /** Something of others came below what was read: late, from another cell. */
  late = false;

  constructor(info) {
    this.channelId = info.channelId;
    this.version = -1;
    this.update(info);
  }

  /** Takes a newer description; false when it is no newer. */
  update(info) {
    if (info.version < this.version) return false;
    this.type = info.type;
    this.name = info.name ?? null;
    this.home = info.home;
    this.version = info.version;
    this.members = info.members ?? [];
    this.removed = info.removed === true;
    return true;
  }

  /** Inserts a message where its id belongs; false when it is there already. One that comes live for a user may be late. */
  insert(message, userId) {
    const known = this.#byId.get(message.messageId);
    if (known) {
      known.requestId ??= message.requestId;
      this.change(message);
      return false;
    }
    const { messageId, sender, contentType = 'text', content = '', replyTo, requestId } = message;
    if (userId && sender !== userId && messageId <= (this.readUpTo(userId) ?? '')) this.late = true;
    const kept = { messageId, channelId: this.channelId, sender, contentType, content, replyTo, requestId, time: timeOf(messageId) };
    let low = 0;
    let high = this.#messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#messages[middle].messageId < messageId) low = middle + 1;
      else high = middle;
    }
    this.#messages.splice(low, 0, kept);
    this.#byId.set(messageId, kept);
    this.change(message);
    const early = this.#early.get(messageId);
    if (early) {
      this.#early.delete(messageId);
      this.change(early);
    }
    return true;
  }

  /**
   * Takes a change of a message, of which the highest event id counts, and a deletion more than any edit; true when the message is here and this is news. Of a message that isn't
   * here it is kept, for one that comes later: the latest of these only, since history carries the changes too.
   */
  change({ messageId, eventId, deleted, contentType = 'text', content = '' }) {
    const known = this.#byId.get(messageId);
    const before = known ?? this.#early.get(messageId);
    if (rankOf({ eventId, deleted }) <= rankOf(before)) return false;
    const change = deleted ? { eventId, deleted: true, edited: undefined, contentType: 'text', content: '' } : { eventId, edited: true, contentType, content };
    if (known) {
      Object.assign(known, change);
      return true;
    }
    this.#early.delete(messageId);
    this.#early.set(messageId, { messageId, ...change });
    if (this.#early.size > MOST_EARLY) this.#early.delete(this.#early.keys().next().value);
    return false;
  }

  /** A message by its id, or undefined. */
  message(messageId) {
    return this.#byId.get(messageId);
  }

  get messages() {
    return this.#messages;
  }

  get lastMessage() {
    return this.#messages.at(-1);
  }

  /** Takes a page of history, newest first. */
  addPage({ messages, next }) {
    for (const message of messages) this.insert(message);
    this.#history = { next, started: true, done: !next };
  }

  get history() {
    return this.#history;
  }

  /** Forgets messages: there may be gaps among them. */
  reset() {
    this.#messages = [];
    this.#byId.clear();
    this.#history = { next: undefined, started: false, done: false };
  }

  /** Takes a receipt; false when it says nothing new. Receipts only grow. */
  receipt(userId, deliveredUpTo, readUpTo) {
    const now = this.#receipts.get(userId) ?? {};
    const next = { deliveredUpTo: maxId(maxId(now.deliveredUpTo, deliveredUpTo), readUpTo), readUpTo: maxId(now.readUpTo, readUpTo) };
    if (next.deliveredUpTo === now.deliveredUpTo && next.readUpTo === now.readUpTo) return false;
    this.#receipts.set(userId, next);
    return true;
  }

  readUpTo(userId) {
    return this.#receipts.get(userId)?.readUpTo;
  }

  /** How many messages of others lie above what a user has read. */
  unread(userId) {
    const read = this.readUpTo(userId) ?? '';
    let count = 0;
    for (let i = this.#messages.length - 1; i >= 0 && this.#messages[i].messageId > read; i--) {
      if (this.#messages[i].sender !== userId) count++;
    }
    return count;
  }

  /** How far an own message has come: {status: "accepted"|"delivered"|"read", readBy, others}. */
  progress(message, userId) {
    const others = this.members.filter(member => member.userId !== userId);
    let delivered = 0;
    let read = 0;
    for (const { userId: other } of others) {
      const receipt = this.#receipts.get(other);
      if (receipt?.deliveredUpTo >= message.messageId) delivered++;
      if (receipt?.readUpTo >= message.messageId) read++;
    }
    const all = others.length;
    const status = all > 0 && read === all ? 'read' : all > 0 && delivered === all ? 'delivered' : 'accepted';
    return { status, readBy: read, others: all };
  }
}

// As text: a deletion above all edits, then by event id, which are all of one length; '' of what is as it was sent.
function rankOf(message) {
  return message?.eventId ? `${message.deleted ? 1 : 0}${message.eventId}` : '';
}
