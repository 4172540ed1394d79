import { Api } from './api.js';
import { Channels } from './channels.js';
import { CloseCodes, Connection } from './connection.js';
import { defaultDevice, plain, prefixed, systemClock } from './device.js';
import { ChatError } from './errors.js';
import { Http } from './http.js';
import { maxId } from './ids.js';
import { People } from './people.js';
import { Presence } from './presence.js';
import { Receiver } from './receiver.js';
import { Sending } from './sending.js';
import { Session } from './session.js';
import { LocalStorage, MemoryStorage } from './storage.js';
import { Typing } from './typing.js';
import { Unread } from './unread.js';

export { ChatError, CloseCodes, LocalStorage, maxId, MemoryStorage };

/**
 * A user's device in Chat.Cells. Everything that it knows is in its properties; events say what changed:
 * "session", "state", "channels", "channel" {channelId}, "message" {channelId, message, live}, "changed" {channelId, message, by},
 * "failed" {channelId, requestId, messageId?, error}, "unread" {channelIds}, "presence" {userIds}, "typing" {channelId}, "reset".
 */
export class ChatCells extends EventTarget {
  #http;
  #session;
  #storage;
  #clock;
  #api;
  #people;
  #channels;
  #connection;
  #presence;
  #typing;
  #unread = new Unread();
  #sending;
  #receiver;
  #away = false;

  /**
   * @param {object} [options]
   * @param {string} [options.baseUrl] The router; the page's own origin by default.
   * @param {object} [options.storage] get, set, remove, keys; the browser's localStorage by default.
   */
  constructor(options = {}) {
    super();
    const clock = options.clock ?? systemClock;
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
    this.#api = new Api(this.#http, this.#session);
    this.#people = new People(this.#api);
    this.#channels = new Channels(this.#api, (type, detail) => this.#emit(type, detail));
    this.#presence = new Presence({
      clock,
      send: (userIds, requestId) => this.#connection.send('presence_subscribe', { userIds }, requestId),
      onChange: userIds => this.#emit('presence', { userIds }),
    });
    this.#typing = new Typing({
      clock,
      send: (channelId, typing) => this.#connection.connected && this.#connection.send('typing', { channelId, typing }),
      onChange: channelId => this.#emit('typing', { channelId }),
    });
    this.#sending = new Sending({
      clock,
      storage: this.#storage,
      channels: this.#channels,
      typing: this.#typing,
      connection: () => this.#connection,
      emit: (type, detail) => this.#emit(type, detail),
    });
    this.#receiver = new Receiver({
      clock,
      storage: this.#storage,
      channels: this.#channels,
      unread: this.#unread,
      presence: this.#presence,
      typing: this.#typing,
      outbox: () => this.#sending.outbox,
      connection: () => this.#connection,
      emit: (type, detail) => this.#emit(type, detail),
    });
    this.#connection = new Connection({
      url: baseUrl.replace(/^http/, 'ws').replace(/\/+$/, '') + '/v1/ws',
      WebSocket: options.WebSocket ?? globalThis.WebSocket,
      clock,
      random,
      // Not repeated in itself: the connection has its own delays.
      ticket: async () => (await this.#api.call('POST', '/v1/tickets', undefined, { repeatable: false })).ticket,
      cursor: () => this.#receiver.cursor,
      heartbeat: () => (this.#away ? { status: 'away' } : {}),
      token: () => this.#session.accessToken(),
      refreshIn: () => this.#session.refreshIn,
      onRejected: () => this.#session.reject(this.#session.current?.accessToken),
      onFrame: frame => this.#receiver.take(frame),
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
    return this.#channels.all.sort((a, b) => (this.#sending.lastTime(b) - this.#sending.lastTime(a)) || (a.channelId < b.channelId ? -1 : 1));
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
      await this.#api.call('DELETE', '/v1/sessions/current', undefined, { repeatable: false });
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
  user(userId) {
    return this.#people.user(userId);
  }

  /** What is known of a user without asking. */
  knownUser(userId) {
    return this.#people.known(userId);
  }

  findHandle(handle) {
    return this.#people.findHandle(handle);
  }

  /** User ids and profiles of the contacts. */
  contacts() {
    return this.#people.contacts();
  }

  addContact(userId) {
    return this.#people.addContact(userId);
  }

  removeContact(userId) {
    return this.#people.removeContact(userId);
  }

  /** Says whose presence is on the screen now: of these, and of nobody else, "presence" tells. At most 200; an empty list ends it. */
  watchPresence(userIds) {
    this.#presence.watch(userIds);
  }

  /** {status: "online"|"away"|"offline", lastActiveAt?, devices} of somebody who is watched; undefined while it isn't known. */
  presence(userId) {
    return this.#presence.of(userId);
  }

  /** Whether somebody looks at this device. Others see it at once. */
  setAway(away) {
    if (this.#away === away) return;
    this.#away = away;
    if (this.#connection.connected) this.#connection.beat();
  }

  // ---- channels ----

  createDirect(userId) {
    return this.#channels.createDirect(userId);
  }

  createGroup(name, userIds) {
    return this.#channels.createGroup(name, userIds);
  }

  rename(channelId, name) {
    return this.#channels.rename(channelId, name);
  }

  /** Adds a member, or sets a member's role. */
  setMember(channelId, userId, role = 'member') {
    return this.#channels.setMember(channelId, userId, role);
  }

  /** Removes a member; with one's own id, leaves. */
  removeMember(channelId, userId) {
    return this.#channels.removeMember(channelId, userId);
  }

  /** Loads the list of channels and the latest page of each. */
  loadChannels() {
    return this.#channels.load();
  }

  /** Loads the next older page; true when there may be more. */
  loadHistory(channelId) {
    return this.#channels.loadHistory(channelId);
  }

  loadReceipts(channelId) {
    return this.#channels.loadReceipts(channelId);
  }

  // ---- messages ----

  /**
   * Sends a text; it shows at once as "sending" and survives a reload of the page.
   * @throws {ChatError} too_large above 100,000 code points.
   */
  send(channelId, content, { replyTo } = {}) {
    return this.#sending.send(channelId, content, replyTo);
  }

  /** Sends a message that failed once more, as a new one. */
  sendAgain(requestId) {
    return this.#sending.sendAgain(requestId);
  }

  discard(requestId) {
    this.#sending.discard(requestId);
  }

  /**
   * Gives an own message another text; it shows at once, and as before should the server refuse it ("failed").
   * @throws {ChatError} unknown_message, forbidden, deleted, too_large.
   */
  editMessage(channelId, messageId, text) {
    return this.#sending.edit(channelId, messageId, text);
  }

  /**
   * Deletes a message for everybody; it shows at once, and as before should the server refuse it ("failed").
   * @throws {ChatError} unknown_message, deleted.
   */
  deleteMessage(channelId, messageId) {
    return this.#sending.delete(channelId, messageId);
  }

  /**
   * The messages of a channel in the order to show them, own ones with how far they have come: {messageId?, requestId?, sender, content, time, replyTo?, edited?, deleted?,
   * changing?: "edit"|"delete", status?: "sending"|"failed"|"accepted"|"delivered"|"read", readBy?, others?, error?}.
   */
  messages(channelId) {
    return this.#sending.messages(channelId);
  }

  /** How many messages of others the user has not read, on any device: 0 to 100, which means that many or more. Until the server has said it: of those that are here. */
  unread(channelId) {
    return this.#unread.known ? this.#unread.of(channelId) : this.#channels.get(channelId)?.unread(this.me?.userId) ?? 0;
  }

  /** {count, capped} of all channels; capped: that many or more. */
  unreadTotal() {
    if (this.#unread.known) return this.#unread.total;
    return { count: this.#channels.all.reduce((sum, channel) => sum + channel.unread(this.me?.userId), 0), capped: false };
  }

  /** The user wrote something in the channel's field just now (call it on each input), or cleared it. */
  typing(channelId, typing = true) {
    this.#typing.say(channelId, typing);
  }

  /** The ids of the others who are writing in a channel. */
  typists(channelId) {
    return this.#typing.in(channelId);
  }

  /** The user has seen everything in the channel that is here. */
  markRead(channelId) {
    const channel = this.#channels.get(channelId);
    // Up to a message of somebody else: one of ours may be newer than what is still on its way from another cell.
    const here = channel?.messages.findLast(message => message.sender !== this.me.userId)?.messageId;
    if (!here) return;
    const before = channel.readUpTo(this.me.userId);
    const last = maxId(here, before);
    // Read as far as that before: only news when something came late, below it, here or as the server counts.
    if (last === before && !channel.late && this.#unread.of(channelId) === 0) return;
    channel.late = false;
    channel.receipt(this.me.userId, undefined, last);
    this.#unread.read(channelId, last);
    this.#receiver.read(channelId, last);
    this.#emit('channel', { channelId });
  }

  // ---- inside ----

  #sessionChanged(session) {
    this.#connection?.stop();
    this.#channels?.forget();
    this.#people?.forget();
    this.#api?.forget();
    this.#presence?.forget();
    this.#receiver?.begin(null);
    this.#unread.forget();
    this.#sending?.begin(null);
    if (session) this.#open(session);
    this.#emit('session');
  }

  #open(session) {
    this.#people.remember(session);
    this.#receiver.begin(session.userId);
    this.#sending.begin(session.userId);
  }

  #stateChanged(state) {
    if (state.status === 'connected') {
      this.#sending.outbox?.connected();
      this.#receiver.connected();
      this.#channels.refreshReceipts(this.me.userId).catch(error => this.#emit('error', error));
      this.#presence.connected();
      if (this.#away) this.#connection.beat(); // a new connection counts as looked at
    } else {
      this.#sending.outbox?.disconnected();
      this.#presence.disconnected();
      this.#typing.disconnected();
    }
    this.#emit('state', state);
  }

  #emit(type, detail) {
    this.dispatchEvent(Object.assign(new Event(type), { detail }));
  }
}
