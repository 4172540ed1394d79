import { Channel } from './channel.js';
import { CloseCodes, Connection } from './connection.js';
import { ChatError } from './errors.js';
import { Http } from './http.js';
import { maxId, newRequestId } from './ids.js';
import { Outbox } from './outbox.js';
import { Session } from './session.js';
import { LocalStorage, MemoryStorage } from './storage.js';

export { ChatError, CloseCodes, LocalStorage, MemoryStorage };

const MAX_CODE_POINTS = 100_000;
const ACK_DELAY_MS = 250;
const PAGE = 40;

/**
 * A user's device in Chat.Cells. Everything that it knows is in its properties; events say what changed:
 * "session", "state", "channels", "channel" {channelId}, "message" {channelId, message, live}, "failed" {channelId, requestId}, "reset".
 */
export class ChatCells extends EventTarget {
  #http;
  #session;
  #storage;
  #clock;
  #connection;
  #outbox = null;
  #channels = new Map();
  #users = new Map();
  #cursor = null;
  #ackTimer = null;
  #pendingReads = new Map(); // channel -> message id, until the server's own `read` confirms it
  #fetching = new Map();

  /**
   * @param {object} [options]
   * @param {string} [options.baseUrl] The router; the page's own origin by default.
   * @param {object} [options.storage] get, set, remove, keys; the browser's localStorage by default.
   */
  constructor(options = {}) {
    super();
    const clock = options.clock ?? { now: () => Date.now(), setTimeout: (f, ms) => setTimeout(f, ms), clearTimeout: id => clearTimeout(id) };
    const random = options.random ?? Math.random;
    const baseUrl = options.baseUrl ?? globalThis.location.origin;
    this.#clock = clock;
    this.#storage = options.storage ?? new LocalStorage();
    this.#http = new Http({ baseUrl, fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)), clock, random });
    this.#session = new Session({
      http: this.#http,
      storage: prefixed(this.#storage, 'chat-cells.'),
      clock,
      locks: options.locks === undefined ? globalThis.navigator?.locks : options.locks,
      onChange: session => this.#sessionChanged(session),
    });
    this.#connection = new Connection({
      url: baseUrl.replace(/^http/, 'ws').replace(/\/+$/, '') + '/v1/ws',
      WebSocket: options.WebSocket ?? globalThis.WebSocket,
      clock,
      random,
      // Not repeated in itself: the connection has its own delays.
      ticket: async () => (await this.#call('POST', '/v1/tickets', undefined, { repeatable: false })).ticket,
      cursor: () => this.#cursor,
      token: () => this.#session.accessToken(),
      refreshIn: () => this.#session.refreshIn,
      onRejected: () => this.#session.reject(this.#session.current?.accessToken),
      onFrame: frame => this.#take(frame),
      onState: state => this.#stateChanged(state),
    });
    if (this.#session.current) this.#open(this.#session.current);
  }

  /** {userId, handle, displayName, deviceId}, or null when nobody is logged in. */
  get me() {
    const session = this.#session.current;
    return session && { userId: session.userId, handle: session.handle, displayName: session.displayName, deviceId: session.deviceId };
  }

  /** {status: "stopped"|"connecting"|"syncing"|"connected"|"waiting", retryAt?}. */
  get state() {
    return this.#connection.state;
  }

  /** The channels of this user, the latest message first. */
  get channels() {
    return [...this.#channels.values()].filter(channel => !channel.removed).sort((a, b) => (this.#lastTime(b) - this.#lastTime(a)) || (a.channelId < b.channelId ? -1 : 1));
  }

  channel(channelId) {
    const channel = this.#channels.get(channelId);
    return channel && !channel.removed ? channel : undefined;
  }

  // ---- accounts ----

  /** The cells: {version, cells: [{name, region, state, healthy}]}. */
  cells() {
    return this.#http.send('GET', '/v1/cells');
  }

  async signUp({ region, handle, password, displayName, device }) {
    const session = await this.#http.send('POST', `/v1/regions/${encodeURIComponent(region)}/accounts`, { body: { handle, password: plain(password), displayName, device: device ?? defaultDevice() } });
    this.#session.begin(session);
    return this.me;
  }

  /** @param {{handle: string, password: string}} options handle as name@region. */
  async logIn({ handle, password, device }) {
    const session = await this.#http.send('POST', `/v1/handles/${encodeURIComponent(handle)}/sessions`, { body: { password: plain(password), device: device ?? defaultDevice() }, repeatable: true });
    this.#session.begin(session);
    return this.me;
  }

  /** Logs this device out; on this side even when the service can't be reached. */
  async logOut() {
    this.stop();
    try {
      await this.#call('DELETE', '/v1/sessions/current', undefined, { repeatable: false });
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
    }
    this.#session.end();
  }

  /** Connects, and stays connected until stopped. */
  start() {
    if (this.#session.current) this.#connection.start();
  }

  stop() {
    this.#connection.stop();
  }

  /** The network or the user is back. */
  wake() {
    this.#connection.wake();
  }

  // ---- people ----

  /** {userId, handle, displayName}; remembered. */
  async user(userId) {
    const known = this.#users.get(userId);
    if (known) return known;
    return this.#once(`user ${userId}`, async () => this.#remember(await this.#call('GET', `/v1/users/${encodeURIComponent(userId)}`)));
  }

  /** What is known of a user without asking. */
  knownUser(userId) {
    return this.#users.get(userId);
  }

  async findHandle(handle) {
    return this.#remember(await this.#call('GET', `/v1/handles/${encodeURIComponent(handle)}`));
  }

  /** User ids and profiles of the contacts. */
  async contacts() {
    const answer = await this.#call('GET', '/v1/contacts');
    const list = Array.isArray(answer) ? answer : answer.contacts ?? [];
    return Promise.all(list.map(contact => {
      const userId = typeof contact === 'string' ? contact : contact.userId;
      return contact.displayName ? this.#remember(contact) : this.user(userId).catch(() => ({ userId, handle: null, displayName: userId }));
    }));
  }

  async addContact(userId) {
    await this.#call('PUT', `/v1/contacts/${encodeURIComponent(userId)}`);
  }

  async removeContact(userId) {
    await this.#call('DELETE', `/v1/contacts/${encodeURIComponent(userId)}`);
  }

  // ---- channels ----

  async createDirect(userId) {
    return this.#created(await this.#call('POST', '/v1/channels', { type: 'direct', userId, requestId: newRequestId() }));
  }

  async createGroup(name, userIds) {
    return this.#created(await this.#call('POST', '/v1/channels', { type: 'group', name, userIds, requestId: newRequestId() }));
  }

  async rename(channelId, name) {
    await this.#call('PATCH', `/v1/channels/${encodeURIComponent(channelId)}`, { name, requestId: newRequestId() });
  }

  /** Adds a member, or sets a member's role. */
  async setMember(channelId, userId, role = 'member') {
    await this.#call('PUT', `/v1/channels/${encodeURIComponent(channelId)}/members/${encodeURIComponent(userId)}`, { role, requestId: newRequestId() });
  }

  /** Removes a member; with one's own id, leaves. */
  async removeMember(channelId, userId) {
    await this.#call('DELETE', `/v1/channels/${encodeURIComponent(channelId)}/members/${encodeURIComponent(userId)}?requestId=${newRequestId()}`);
  }

  /** Loads the list of channels and the latest page of each. */
  async loadChannels() {
    await this.#once('channels', async () => {
      let after = '';
      do {
        const page = await this.#call('GET', `/v1/channels?limit=100${after}`);
        for (const info of page.channels) this.#channelInfo(info);
        after = page.next ? `&after=${encodeURIComponent(page.next)}` : null;
      } while (after);
      this.#emit('channels');
    });
    await inParallel([...this.#channels.values()].filter(channel => !channel.removed && !channel.history.started), 4, channel => this.loadHistory(channel.channelId));
  }

  /** Loads the next older page; true when there may be more. */
  async loadHistory(channelId) {
    return this.#once(`history ${channelId}`, async () => {
      const channel = this.#channels.get(channelId);
      if (!channel || channel.history.done) return false;
      const first = !channel.history.started;
      const path = `/v1/channels/${encodeURIComponent(channelId)}`;
      const before = channel.history.next ? `&before=${encodeURIComponent(channel.history.next)}` : '';
      const [page] = await Promise.all([this.#call('GET', `${path}/messages?limit=${PAGE}${before}`), first ? this.loadReceipts(channelId) : undefined]);
      channel.addPage(page);
      this.#emit('channel', { channelId });
      return !channel.history.done;
    });
  }

  async loadReceipts(channelId) {
    const channel = this.#channels.get(channelId);
    const { receipts } = await this.#call('GET', `/v1/channels/${encodeURIComponent(channelId)}/receipts`);
    let changed = false;
    for (const receipt of receipts) changed = channel.receipt(receipt.userId, receipt.deliveredUpTo, receipt.readUpTo) || changed;
    if (changed) this.#emit('channel', { channelId });
  }

  // ---- messages ----

  /**
   * Sends a text; it shows at once as "sending" and survives a reload of the page.
   * @throws {ChatError} too_large above 100,000 code points.
   */
  send(channelId, content, { replyTo } = {}) {
    if (!this.#outbox) throw new ChatError('session_ended', 'Log in first.');
    if (content.length > MAX_CODE_POINTS && [...content].length > MAX_CODE_POINTS) throw new ChatError('too_large', `A message has at most ${MAX_CODE_POINTS.toLocaleString('en')} characters.`);
    const entry = this.#outbox.add({ channelId, content, contentType: 'text', replyTo, after: this.#channels.get(channelId)?.lastMessage?.messageId });
    this.#emit('message', { channelId, message: this.#pendingMessage(entry), live: true });
    return entry.requestId;
  }

  /** Sends a message that failed once more, as a new one. */
  sendAgain(requestId) {
    const entry = this.#outbox?.get(requestId);
    if (!entry?.error) return undefined;
    this.#outbox.discard(requestId);
    return this.send(entry.channelId, entry.content, { replyTo: entry.replyTo });
  }

  discard(requestId) {
    const entry = this.#outbox?.get(requestId);
    if (!entry?.error) return;
    this.#outbox.discard(requestId);
    this.#emit('channel', { channelId: entry.channelId });
  }

  /**
   * The messages of a channel in the order to show them, own ones with how far they have come:
   * {messageId?, requestId?, sender, content, time, replyTo?, status?: "sending"|"failed"|"accepted"|"delivered"|"read", readBy?, others?, error?}.
   */
  messages(channelId) {
    const channel = this.#channels.get(channelId);
    const myId = this.me?.userId;
    const accepted = (channel?.messages ?? []).map(message => (message.sender === myId ? { ...message, ...channel.progress(message, myId) } : message));
    return [...accepted, ...(this.#outbox?.of(channelId) ?? []).map(entry => this.#pendingMessage(entry))];
  }

  unread(channelId) {
    return this.#channels.get(channelId)?.unread(this.me?.userId) ?? 0;
  }

  /** The user has seen everything in the channel that is here. */
  markRead(channelId) {
    const channel = this.#channels.get(channelId);
    // Up to a message of somebody else: one of ours may be newer than what is still on its way from another cell.
    const last = channel?.messages.findLast(message => message.sender !== this.me.userId)?.messageId;
    if (!last || last <= (channel.readUpTo(this.me.userId) ?? '')) return;
    channel.receipt(this.me.userId, undefined, last);
    this.#pendingReads.set(channelId, last);
    this.#sendRead(channelId, last);
    this.#emit('channel', { channelId });
  }

  // ---- inside ----

  async #call(method, path, body, { repeatable = true } = {}) {
    let token = await this.#session.accessToken();
    try {
      return await this.#http.send(method, path, { body, token, repeatable });
    } catch (error) {
      if (error.status !== 401) throw error;
      this.#session.reject(token);
      token = await this.#session.accessToken();
      return this.#http.send(method, path, { body, token, repeatable });
    }
  }

  // Two callers who want the same at the same time share one request.
  #once(key, action) {
    let running = this.#fetching.get(key);
    if (!running) {
      running = action().finally(() => this.#fetching.delete(key));
      this.#fetching.set(key, running);
    }
    return running;
  }

  #sessionChanged(session) {
    this.#connection?.stop();
    this.#channels.clear();
    this.#users.clear();
    this.#pendingReads.clear();
    this.#fetching.clear();
    this.#outbox = null;
    this.#cursor = null;
    if (session) this.#open(session);
    this.#emit('session');
  }

  #open(session) {
    this.#remember(session);
    this.#cursor = this.#storage.get(this.#cursorKey(session.userId));
    this.#outbox = new Outbox({
      storage: this.#storage,
      prefix: `chat-cells.outbox.${session.userId}.`,
      clock: this.#clock,
      transmit: entry => this.#transmit(entry),
      onChange: entry => this.#emit('failed', { channelId: entry.channelId, requestId: entry.requestId }),
    });
  }

  #cursorKey(userId) {
    return `chat-cells.cursor.${userId}`;
  }

  #stateChanged(state) {
    if (state.status === 'connected') {
      this.#outbox?.connected();
      for (const [channelId, last] of this.#pendingReads) this.#sendRead(channelId, last);
      this.#refreshReceipts();
    } else {
      this.#outbox?.disconnected();
    }
    this.#emit('state', state);
  }

  #transmit({ requestId, channelId, content, contentType, replyTo, after, afterRequest }) {
    if (!this.#connection.connected) return false;
    return this.#connection.send('chat_message', { channelId, content, contentType, after, afterRequest, replyTo }, requestId);
  }

  #take({ type, payload, requestId }) {
    switch (type) {
      case 'sync_batch':
        for (const event of payload.events) this.#event(event.type, event.payload, false);
        this.#advance(payload.cursor);
        if (!payload.more) this.#connection.synced();
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
        if (this.#channels.get(payload.channelId)?.receipt(payload.userId, payload.deliveredUpTo, payload.readUpTo)) this.#emit('channel', { channelId: payload.channelId });
        break;
      default:
        this.#event(type, payload, true);
        if (payload.cursor) this.#advance(payload.cursor);
    }
  }

  #event(type, payload, live) {
    if (type === 'new_message') this.#newMessage(payload, live);
    else if (type === 'channel_changed') {
      this.#channelInfo(payload);
      this.#emit('channels');
    } else if (type === 'read') {
      if (this.#pendingReads.get(payload.channelId) <= payload.readUpTo) this.#pendingReads.delete(payload.channelId);
      if (this.#channels.get(payload.channelId)?.receipt(this.me.userId, undefined, payload.readUpTo)) this.#emit('channel', { channelId: payload.channelId });
    }
    // Other types are of a newer server; the cursor moves past them.
  }

  #newMessage(payload, live) {
    const { channelId, messageId, requestId, sender } = payload;
    let channel = this.#channels.get(channelId);
    if (!channel) {
      channel = new Channel({ channelId, type: channelId.startsWith('d.') ? 'direct' : 'group', version: 0, members: [] });
      this.#channels.set(channelId, channel);
      this.#fetchChannel(channelId);
    }
    if (requestId && sender === this.me.userId) this.#outbox.accepted(requestId);
    if (channel.insert(payload)) this.#emit('message', { channelId, message: channel.messages.find(m => m.messageId === messageId), live });
    else this.#emit('channel', { channelId });
  }

  #acked(requestId, { messageId, channelId }) {
    const entry = this.#outbox.accepted(requestId);
    if (!entry) return;
    this.#channels.get(channelId)?.insert({ messageId, sender: this.me.userId, contentType: entry.contentType, content: entry.content, replyTo: entry.replyTo, requestId });
    this.#emit('channel', { channelId });
  }

  #refused(requestId, payload) {
    if (requestId && this.#outbox.get(requestId)) this.#outbox.refused(requestId, new ChatError(payload.code, payload.message, payload));
    else this.#emit('error', payload);
  }

  // What was missed is not in the inbox any more: channels and history come by HTTP, everything after the cursor live.
  #reset(cursor) {
    for (const channel of this.#channels.values()) channel.reset();
    this.#advance(cursor);
    this.#connection.synced();
    this.#emit('reset');
    this.loadChannels().catch(error => this.#emit('error', error));
  }

  #advance(cursor) {
    this.#cursor = cursor;
    this.#storage.set(this.#cursorKey(this.me.userId), cursor);
    this.#ackTimer ??= this.#clock.setTimeout(() => {
      this.#ackTimer = null;
      if (this.#cursor) this.#connection.send('delivered', { cursor: this.#cursor });
    }, ACK_DELAY_MS);
  }

  #sendRead(channelId, lastReadMessageId) {
    if (this.#connection.connected) this.#connection.send('read_receipt', { channelId, lastReadMessageId });
  }

  // Receipts are not in the inbox: those that came while we were away are asked for, where they can still change something.
  #refreshReceipts() {
    const myId = this.me.userId;
    const open = [...this.#channels.values()].filter(channel => {
      const last = channel.messages.findLast(message => message.sender === myId);
      return last && channel.progress(last, myId).status !== 'read';
    });
    inParallel(open, 4, channel => this.loadReceipts(channel.channelId)).catch(error => this.#emit('error', error));
  }

  #channelInfo(info) {
    const known = this.#channels.get(info.channelId);
    if (!known) this.#channels.set(info.channelId, new Channel(info));
    else known.update(info);
    return this.#channels.get(info.channelId);
  }

  #created(info) {
    const channel = this.#channelInfo(info);
    this.#emit('channels');
    return channel;
  }

  #fetchChannel(channelId) {
    this.#once(`channel ${channelId}`, async () => {
      this.#channelInfo(await this.#call('GET', `/v1/channels/${encodeURIComponent(channelId)}`));
      this.#emit('channels');
    }).catch(error => this.#emit('error', error));
  }

  #remember({ userId, handle, displayName }) {
    const user = { userId, handle, displayName: displayName || handle || userId };
    this.#users.set(userId, user);
    return user;
  }

  #pendingMessage({ requestId, channelId, content, contentType, replyTo, createdAt, error }) {
    return { requestId, channelId, sender: this.me.userId, content, contentType, replyTo, time: createdAt, status: error ? 'failed' : 'sending', error };
  }

  #lastTime(channel) {
    return Math.max(channel.lastMessage?.time ?? 0, this.#outbox?.of(channel.channelId).at(-1)?.createdAt ?? 0);
  }

  #emit(type, detail) {
    this.dispatchEvent(Object.assign(new Event(type), { detail }));
  }
}

/** The greater of two message ids. */
export { maxId };

async function inParallel(items, width, action) {
  const queue = items[Symbol.iterator]();
  await Promise.all(Array.from({ length: width }, async () => {
    for (const item of queue) await action(item);
  }));
}

function prefixed(storage, prefix) {
  return { get: key => storage.get(prefix + key), set: (key, value) => storage.set(prefix + key, value), remove: key => storage.remove(prefix + key) };
}

// One form of a password, however a keyboard composes its letters.
const plain = password => String(password ?? '').normalize('NFC');

function defaultDevice() {
  const agent = globalThis.navigator?.userAgent ?? '';
  const system = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'Linux'].find(name => agent.includes(name)) ?? 'Device';
  return { name: `Browser on ${system}`, kind: /Android|iPhone|Mobile/.test(agent) ? 'mobile' : 'web' };
}
