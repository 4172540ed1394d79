import { inParallel } from './api.js';
import { Channel } from './channel.js';
import { newRequestId } from './ids.js';

const PAGE = 40;

/** The user's channels: what is known of them, and what is asked and changed over HTTP. */
export class Channels {
  #api;
  #emit;
  #known = new Map();

  constructor(api, emit) {
    this.#api = api;
    this.#emit = emit;
  }

  get(channelId) {
    return this.#known.get(channelId);
  }

  /** All that the user is a member of, in no order. */
  get all() {
    return [...this.#known.values()].filter(channel => !channel.removed);
  }

  /** Takes a description from the service. */
  take(info) {
    const known = this.#known.get(info.channelId);
    if (!known) this.#known.set(info.channelId, new Channel(info));
    else known.update(info);
    return this.#known.get(info.channelId);
  }

  /** The channel of a message; one that isn't known yet is asked for. */
  ofMessage(channelId) {
    let channel = this.#known.get(channelId);
    if (!channel) {
      channel = new Channel({ channelId, type: channelId.startsWith('d.') ? 'direct' : 'group', version: 0, members: [] });
      this.#known.set(channelId, channel);
      this.#api.once(`channel ${channelId}`, async () => {
        this.take(await this.#api.call('GET', pathOf(channelId)));
        this.#emit('channels');
      }).catch(error => this.#emit('error', error));
    }
    return channel;
  }

  /** Forgets messages, which are loaded anew. */
  reset() {
    for (const channel of this.#known.values()) channel.reset();
  }

  forget() {
    this.#known.clear();
  }

  // ---- over HTTP ----

  async createDirect(userId) {
    return this.#created(await this.#api.call('POST', '/v1/channels', { type: 'direct', userId, requestId: newRequestId() }));
  }

  async createGroup(name, userIds) {
    return this.#created(await this.#api.call('POST', '/v1/channels', { type: 'group', name, userIds, requestId: newRequestId() }));
  }

  async rename(channelId, name) {
    await this.#api.call('PATCH', pathOf(channelId), { name, requestId: newRequestId() });
  }

  async setMember(channelId, userId, role) {
    await this.#api.call('PUT', `${pathOf(channelId)}/members/${encodeURIComponent(userId)}`, { role, requestId: newRequestId() });
  }

  async removeMember(channelId, userId) {
    await this.#api.call('DELETE', `${pathOf(channelId)}/members/${encodeURIComponent(userId)}?requestId=${newRequestId()}`);
  }

  /** Loads the list of channels and the latest page of each. */
  async load() {
    await this.#api.once('channels', async () => {
      let after = '';
      do {
        const page = await this.#api.call('GET', `/v1/channels?limit=100${after}`);
        for (const info of page.channels) this.take(info);
        after = page.next ? `&after=${encodeURIComponent(page.next)}` : null;
      } while (after);
      this.#emit('channels');
    });
    await inParallel(this.all.filter(channel => !channel.history.started), 4, channel => this.loadHistory(channel.channelId));
  }

  /** Loads the next older page; true when there may be more. */
  async loadHistory(channelId) {
    return this.#api.once(`history ${channelId}`, async () => {
      const channel = this.#known.get(channelId);
      if (!channel || channel.history.done) return false;
      const first = !channel.history.started;
      const before = channel.history.next ? `&before=${encodeURIComponent(channel.history.next)}` : '';
      const [page] = await Promise.all([this.#api.call('GET', `${pathOf(channelId)}/messages?limit=${PAGE}${before}`), first ? this.loadReceipts(channelId) : undefined]);
      channel.addPage(page);
      this.#emit('channel', { channelId });
      return !channel.history.done;
    });
  }

  async loadReceipts(channelId) {
    const channel = this.#known.get(channelId);
    const { receipts } = await this.#api.call('GET', `${pathOf(channelId)}/receipts`);
    let changed = false;
    for (const receipt of receipts) changed = channel.receipt(receipt.userId, receipt.deliveredUpTo, receipt.readUpTo) || changed;
    if (changed) this.#emit('channel', { channelId });
  }

  /** Receipts are not in the inbox: those that came while we were away are asked for, where they can still change something. */
  async refreshReceipts(myId) {
    const open = [...this.#known.values()].filter(channel => {
      const last = channel.messages.findLast(message => message.sender === myId);
      return last && channel.progress(last, myId).status !== 'read';
    });
    await inParallel(open, 4, channel => this.loadReceipts(channel.channelId));
  }

  #created(info) {
    const channel = this.take(info);
    this.#emit('channels');
    return channel;
  }
}

const pathOf = channelId => `/v1/channels/${encodeURIComponent(channelId)}`;
