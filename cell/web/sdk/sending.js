import { ChatError } from './errors.js';
import { Outbox } from './outbox.js';

const MAX_CODE_POINTS = 100_000;

/** What the user writes: sends, edits and deletions, kept in the outbox and shown as done while they are on their way. */
export class Sending {
  #deps;
  #userId = null;
  #outbox = null;

  /** @param {object} deps clock, storage, channels, typing; connection(); emit(type, detail). */
  constructor(deps) {
    this.#deps = deps;
  }

  /** A user begins, or with null nobody. */
  begin(userId) {
    const { storage, clock, emit } = this.#deps;
    this.#userId = userId;
    this.#outbox = userId && new Outbox({
      storage,
      prefix: `chat-cells.outbox.${userId}.`,
      clock,
      transmit: entry => this.#transmit(entry),
      onChange: ({ channelId, requestId, messageId, error }) => emit('failed', { channelId, requestId, messageId, error }),
    });
  }

  get outbox() {
    return this.#outbox;
  }

  send(channelId, content, replyTo) {
    const { channels, typing, emit } = this.#deps;
    this.#check(content);
    const entry = this.#outbox.add({ channelId, content, contentType: 'text', replyTo, after: channels.get(channelId)?.lastMessage?.messageId });
    typing.say(channelId, false);
    emit('message', { channelId, message: this.#unsent(entry), live: true });
    return entry.requestId;
  }

  sendAgain(requestId) {
    const entry = this.#outbox?.get(requestId);
    if (!entry?.error) return undefined;
    this.#outbox.discard(requestId);
    return this.send(entry.channelId, entry.content, entry.replyTo);
  }

  discard(requestId) {
    const entry = this.#outbox?.get(requestId);
    if (!entry?.error) return;
    this.#outbox.discard(requestId);
    this.#deps.emit('channel', { channelId: entry.channelId });
  }

  edit(channelId, messageId, content) {
    this.#check(content);
    if (this.#changeable(channelId, messageId).sender !== this.#userId) throw new ChatError('forbidden', 'Only who wrote a message can edit it.');
    return this.#change({ channelId, messageId, content, contentType: 'text' });
  }

  delete(channelId, messageId) {
    this.#check('');
    this.#changeable(channelId, messageId);
    return this.#change({ channelId, messageId });
  }

  /** The messages of a channel in the order to show them, with what is on its way. */
  messages(channelId) {
    const channel = this.#deps.channels.get(channelId);
    const changes = new Map((this.#outbox?.changes(channelId) ?? []).map(entry => [entry.messageId, entry])); // the last one of each
    const accepted = (channel?.messages ?? []).map(message => this.#shown(message, channel, changes.get(message.messageId)));
    return [...accepted, ...(this.#outbox?.of(channelId) ?? []).map(entry => this.#unsent(entry))];
  }

  /** When the last message was written, Unix ms. */
  lastTime(channel) {
    return Math.max(channel.lastMessage?.time ?? 0, this.#outbox?.of(channel.channelId).at(-1)?.createdAt ?? 0);
  }

  #check(content) {
    if (!this.#outbox) throw new ChatError('session_ended', 'Log in first.');
    if (content.length > MAX_CODE_POINTS && [...content].length > MAX_CODE_POINTS) throw new ChatError('too_large', `A message has at most ${MAX_CODE_POINTS.toLocaleString('en')} characters.`);
  }

  #changeable(channelId, messageId) {
    const channel = this.#deps.channels.get(channelId);
    const message = messageId && channel?.message(messageId);
    if (!message) throw new ChatError('unknown_message', 'This message is not here, or it was not sent yet.');
    const last = this.#outbox.changes(channelId).findLast(entry => entry.messageId === messageId);
    if (message.deleted || (last && last.content === undefined)) throw new ChatError('deleted', 'This message was deleted.');
    return message;
  }

  #change(what) {
    const { requestId, channelId } = this.#outbox.change(what);
    this.#deps.emit('channel', { channelId });
    return requestId;
  }

  #transmit({ requestId, channelId, messageId, content, contentType, replyTo, after, afterRequest }) {
    const connection = this.#deps.connection();
    if (!connection.connected) return false;
    if (!messageId) return connection.send('chat_message', { channelId, content, contentType, after, afterRequest, replyTo }, requestId);
    if (content === undefined) return connection.send('delete_message', { channelId, messageId }, requestId);
    return connection.send('edit_message', { channelId, messageId, content, contentType }, requestId);
  }

  #shown(message, channel, change) {
    const own = message.sender === this.#userId;
    if (!own && !change) return message;
    const shown = own ? { ...message, ...channel.progress(message, this.#userId) } : { ...message };
    if (!change || message.deleted) return shown;
    return change.content === undefined
      ? Object.assign(shown, { content: '', edited: undefined, deleted: true, changing: 'delete' })
      : Object.assign(shown, { content: change.content, contentType: change.contentType, edited: true, changing: 'edit' });
  }

  #unsent({ requestId, channelId, content, contentType, replyTo, createdAt, error }) {
    return { requestId, channelId, sender: this.#userId, content, contentType, replyTo, time: createdAt, status: error ? 'failed' : 'sending', error };
  }
}
