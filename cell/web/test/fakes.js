import { ChatCells, MemoryStorage } from '../sdk/chat-cells.js';

export const ANNA = 'eu-west-1.01JD0000000000000000000001';
export const BOB = 'us-east-1.01JD0000000000000000000002';
export const CAROL = 'eu-west-1.01JD0000000000000000000003';
export const DIRECT = 'd.01JD00000000000000000000AA';
export const GROUP = 'g.eu-west-1.01JD00000000000000000000BB';

/** A clock that moves only when told to; timers run in the order of their times. */
export class FakeClock {
  time = 1_800_000_000_000;
  #timers = new Map();
  #next = 1;

  now = () => this.time;

  setTimeout = (action, delay) => {
    const id = this.#next++;
    this.#timers.set(id, { at: this.time + Math.max(0, delay), action });
    return id;
  };

  clearTimeout = id => this.#timers.delete(id);

  /** Moves on, running what is due, and lets promises settle after each. */
  async advance(ms) {
    const end = this.time + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].action();
      await settle();
    }
    this.time = end;
  }
}

/** Lets everything that can go on now go on. */
export async function settle() {
  for (let i = 0; i < 30; i++) await new Promise(resolve => setImmediate(resolve));
}

/** A server made of a script: HTTP answers by "METHOD path", sockets driven by the test. */
export class FakeServer {
  sockets = [];
  requests = [];
  answers = new Map();
  tokens = 0;

  constructor(clock) {
    this.clock = clock;
    const server = this;
    this.WebSocket = class {
      readyState = 0;
      sent = [];
      closed = null;

      constructor(url, protocols) {
        this.url = url;
        this.protocols = protocols;
        server.sockets.push(this);
      }

      send(text) {
        if (this.readyState !== 1) throw new Error('not open');
        this.sent.push(JSON.parse(text));
      }

      close(code) {
        this.closed ??= code ?? 1000;
        this.readyState = 3;
      }

      // ---- the server's side ----

      accept() {
        this.readyState = 1;
        this.onopen?.();
        return this;
      }

      say(type, payload, requestId) {
        this.onmessage?.({ data: JSON.stringify({ type, payload, timestamp: 0, requestId }) });
      }

      sync(events = [], cursor = 'c1', more = false) {
        this.say('sync_batch', { events, cursor, more });
        return this;
      }

      end(code, reason = '') {
        this.readyState = 3;
        this.onclose?.({ code, reason });
      }

      frames(type) {
        return this.sent.filter(frame => frame.type === type);
      }
    };
    this.on('POST /v1/tickets', () => ({ status: 201, body: { ticket: `${ANNA}.secret${this.requests.length}`, expiresAt: 0 } }));
    this.on(`POST /v1/users/${ANNA}/tokens`, () => ({ status: 200, body: this.session() }));
    this.on('GET /v1/channels', () => ({ status: 200, body: { channels: [] } }));
    for (const channelId of [DIRECT, GROUP]) {
      this.on(`GET /v1/channels/${channelId}/messages`, () => ({ status: 200, body: { messages: [] } }));
      this.on(`GET /v1/channels/${channelId}/receipts`, () => ({ status: 200, body: { receipts: [] } }));
    }
  }

  get socket() {
    return this.sockets.at(-1);
  }

  session(lifetime = 900_000) {
    this.tokens++;
    return {
      userId: ANNA, handle: 'anna@eu-west', displayName: 'Anna', deviceId: 'DEV',
      accessToken: `access-${this.tokens}`, expiresAt: this.clock.now() + lifetime, refreshToken: `refresh-${this.tokens}`,
    };
  }

  on(route, answer) {
    this.answers.set(route, answer);
  }

  count(route) {
    return this.requests.filter(request => request.route === route).length;
  }

  fetch = async (url, { method, headers, body }) => {
    const { pathname, search } = new URL(url);
    const route = `${method} ${decodeURIComponent(pathname)}`;
    const request = { route, search, headers, body: body && JSON.parse(body) };
    this.requests.push(request);
    const answer = (await this.answers.get(route)?.(request)) ?? { status: 404, body: { code: 'not_found', detail: `no ${route}` } };
    if (answer.status === 0) throw new TypeError('failed to fetch');
    return new Response(answer.body === undefined || answer.status === 204 ? null : JSON.stringify(answer.body), { status: answer.status, headers: answer.headers });
  };
}

export function client(server, { storage = new MemoryStorage(), random = () => 0.5, loggedIn = true } = {}) {
  if (loggedIn && !storage.get('chat-cells.session')) storage.set('chat-cells.session', JSON.stringify({ ...server.session(), lifetime: 900_000, goodUntil: server.clock.now() + 900_000 }));
  const chat = new ChatCells({ baseUrl: 'http://router.test', storage, clock: server.clock, random, fetch: server.fetch, WebSocket: server.WebSocket, locks: null });
  chat.seen = [];
  for (const type of ['session', 'state', 'message', 'changed', 'channel', 'channels', 'failed', 'reset', 'unread', 'presence', 'typing', 'error']) chat.addEventListener(type, event => chat.seen.push([type, event.detail]));
  return chat;
}

/** A client that is connected and synced. */
export async function connected(options) {
  const clock = new FakeClock();
  const server = new FakeServer(clock);
  const chat = client(server, options);
  chat.start();
  await settle();
  server.socket.accept().sync();
  await settle();
  return { clock, server, chat, storage: options?.storage };
}

/** A message id of a time (ms after the start of 2026) and a number. */
export function id(time, number = 0) {
  const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  let rest = 1_767_225_600_000 + time;
  let text = '';
  for (let i = 0; i < 10; i++) {
    text = alphabet[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text + String(number).padStart(16, '0');
}

export function message(messageId, { channelId = DIRECT, sender = BOB, content = `text ${messageId.slice(-2)}`, cursor = `c-${messageId}`, requestId } = {}) {
  return { channelId, messageId, sender, contentType: 'text', content, channelVersion: 1, cursor, requestId };
}

export function direct(version = 1) {
  return { channelId: DIRECT, type: 'direct', home: 'eu-west-1', version, members: [{ userId: ANNA, role: 'member' }, { userId: BOB, role: 'member' }] };
}

export function group(version = 1) {
  return { channelId: GROUP, type: 'group', name: 'Team', home: 'eu-west-1', version, members: [ANNA, BOB, CAROL].map(userId => ({ userId, role: 'member' })) };
}
