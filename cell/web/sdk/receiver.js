import { ChatError } from './errors.js';

const ACK_DELAY_MS = 250;

/** Takes the server's frames in: messages and channels to where they are kept, the cursor to the storage, what changed to the events. */
export class Receiver {
  #deps;
  #userId = null;
  #cursor = null;
  #ackTimer = null;
  #shown = null; // how far the application was told: ahead of #cursor while an event is being taken in
  #pendingReads = new Map(); // channel -> {messageId, cursor}, until the server's own `read` confirms it

  /** @param {object} deps clock, storage, channels, unread, presence, typing; outbox(); connection(); emit(type, detail). */
  constructor(deps) {
    this.#deps = deps;
  }

  /** Everything up to here was taken in; null on a new device. */
  get cursor() {
    return this.#cursor;
  }

  /** A user begins, or with null nobody. */
  begin(userId) {
    this.#userId = userId;
    this.#cursor = userId && this.#deps.storage.get(this.#cursorKey());
    this.#shown = this.#cursor;
    this.#pendingReads.clear();
  }

  /** A new connection: what was told as read may be lost. */
  connected() {
    for (const channelId of this.#pendingReads.keys()) this.#sendRead(channelId);
  }

  /** The user has read a channel up to a message, and of the inbox what is here; told until the server confirms it. */
  read(channelId, messageId) {
    this.#pendingReads.set(channelId, { messageId, cursor: this.#shown });
    this.#sendRead(channelId);
  }

  take({ type, payload, requestId }) {
    const { channels, unread, presence, typing, emit } = this.#deps;
    switch (type) {
      case 'sync_batch':
        for (const event of payload.events) this.#event(event.type, event.payload, false);
        this.#advance(payload.cursor);
        if (!payload.more) this.#deps.connection().synced();
        break;
      case 'sync_reset':
        this.#reset(payload.cursor);
        break;
      case 'message_ack':
        this.#acked(requestId, payload);
        break;
      case 'error':
        this.#refused(requestId, payload);
        break;
      case 'receipt':
        if (channels.get(payload.channelId)?.receipt(payload.userId, payload.deliveredUpTo, payload.readUpTo)) emit('channel', { channelId: payload.channelId });
        break;
      case 'unread': {
        const channelIds = unread.take(payload);
        if (channelIds.length > 0 || payload.all) emit('unread', { channelIds });
        break;
      }
      case 'presence':
        presence.take(payload);
        break;
      case 'typing':
        typing.take(payload);
        break;
      default:
        this.#event(type, payload, true);
        if (payload.cursor) this.#advance(payload.cursor);
    }
  }

  #event(type, payload, live) {
    const { channels, emit } = this.#deps;
    this.#shown = payload.cursor ?? this.#shown;
    if (type === 'new_message') this.#newMessage(payload, live);
    else if (type === 'message_changed') this.#messageChanged(payload);
    else if (type === 'channel_changed') {
      channels.take(payload);
      emit('channels');
    } else if (type === 'read') {
      this.#confirmed(payload);
      if (channels.get(payload.channelId)?.receipt(this.#userId, undefined, payload.readUpTo)) emit('channel', { channelId: payload.channelId });
    }
    // Other types are of a newer server; the cursor moves past them.
  }

  #newMessage(payload, live) {
    const { channels, typing, outbox, emit } = this.#deps;
    const { channelId, messageId, requestId, sender } = payload;
    const channel = channels.ofMessage(channelId);
    typing.stopped(channelId, sender);
    if (requestId && sender === this.#userId) outbox().accepted(requestId);
    if (channel.insert(payload, this.#userId)) emit('message', { channelId, message: channel.message(messageId), live });
    else emit('channel', { channelId });
  }

  #messageChanged(payload) {
    const { channels, outbox, emit } = this.#deps;
    const { channelId, messageId, requestId, by } = payload;
    const channel = channels.ofMessage(channelId);
    if (requestId && by === this.#userId) outbox().accepted(requestId);
    if (channel.change(payload)) emit('changed', { channelId, message: channel.message(messageId), by });
    else emit('channel', { channelId });
  }

  #acked(requestId, { messageId, channelId, eventId }) {
    const entry = this.#deps.outbox().accepted(requestId);
    if (!entry) return;
    const { contentType, content, replyTo } = entry;
    const channel = this.#deps.channels.get(channelId);
    if (entry.messageId) channel?.change({ messageId, eventId, contentType, content, deleted: content === undefined });
    else channel?.insert({ messageId, sender: this.#userId, contentType, content, replyTo, requestId });
    this.#deps.emit('channel', { channelId });
  }

  #refused(requestId, payload) {
    const outbox = this.#deps.outbox();
    if (requestId && outbox.get(requestId)) outbox.refused(requestId, new ChatError(payload.code, payload.message, payload));
    else if (!this.#deps.presence.refused(requestId, payload)) this.#deps.emit('error', payload);
  }

  // What was missed is not in the inbox any more: channels and history come by HTTP, everything after the cursor live.
  #reset(cursor) {
    const { channels, emit } = this.#deps;
    channels.reset();
    for (const read of this.#pendingReads.values()) read.cursor &&= cursor; // those from before mean nothing to the server any more
    this.#advance(cursor);
    this.#deps.connection().synced();
    emit('reset');
    channels.load().catch(error => emit('error', error));
  }

  #advance(cursor) {
    this.#cursor = cursor;
    this.#shown = cursor;
    this.#deps.storage.set(this.#cursorKey(), cursor);
    this.#ackTimer ??= this.#deps.clock.setTimeout(() => {
      this.#ackTimer = null;
      if (this.#cursor) this.#deps.connection().send('delivered', { cursor: this.#cursor });
    }, ACK_DELAY_MS);
  }

  #sendRead(channelId) {
    const connection = this.#deps.connection();
    const { messageId, cursor } = this.#pendingReads.get(channelId);
    if (connection.connected) connection.send('read_receipt', { channelId, lastReadMessageId: messageId, cursor: cursor ?? undefined });
  }

  // Of a server that knows no cursors the pointer is all there is.
  #confirmed({ channelId, readUpTo, readCursor }) {
    const read = this.#pendingReads.get(channelId);
    if (read && read.messageId <= readUpTo && (!readCursor || !read.cursor || readCursor === read.cursor)) this.#pendingReads.delete(channelId);
  }

  #cursorKey() {
    return `chat-cells.cursor.${this.#userId}`;
  }
}
