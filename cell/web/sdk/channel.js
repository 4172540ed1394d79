import { maxId, timeOf } from './ids.js';

/** What this device knows of one channel: members, messages by id, receipts. */
export class Channel {
  #messages = []; // accepted, by id
  #byId = new Map();
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
      return false;
    }
    const { messageId, sender, contentType, content, replyTo, requestId } = message;
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
    return true;
  }

  has(messageId) {
    return this.#byId.has(messageId);
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
