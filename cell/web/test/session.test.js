import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalStorage, MemoryStorage } from '../sdk/chat-cells.js';
import { ANNA, client, connected, FakeClock, FakeServer, settle } from './fakes.js';

const TOKENS = `POST /v1/users/${ANNA}/tokens`;

test('sign up and log in: the session is kept, a new page finds it', async () => {
  const server = new FakeServer(new FakeClock());
  const storage = new MemoryStorage();
  const chat = client(server, { storage, loggedIn: false });
  assert.equal(chat.me, null);
  server.on('POST /v1/regions/eu-west/accounts', () => ({ status: 201, body: server.session() }));
  await chat.signUp({ region: 'eu-west', handle: 'anna', password: 'secret-secret', displayName: 'Anna' });
  assert.equal(chat.me.handle, 'anna@eu-west');
  assert.deepEqual(Object.keys(server.requests[0].body), ['handle', 'password', 'displayName', 'device']);
  assert.equal(server.requests[0].headers.authorization, undefined);
  assert.equal(client(server, { storage }).me.userId, ANNA);
  assert.ok(!JSON.stringify(chat.me).includes('access-'));

  server.on('POST /v1/handles/anna@eu-west/sessions', () => ({ status: 201, body: server.session() }));
  const other = client(server, { loggedIn: false, storage: new MemoryStorage() });
  await other.logIn({ handle: 'anna@eu-west', password: 'secret-secret' });
  assert.equal(other.me.userId, ANNA);
});

test('log in: a password is sent in one form, however the keyboard composes it', async () => {
  const server = new FakeServer(new FakeClock());
  server.on('POST /v1/regions/eu-west/accounts', () => ({ status: 201, body: server.session() }));
  server.on('POST /v1/handles/anna@eu-west/sessions', () => ({ status: 201, body: server.session() }));
  const chat = client(server, { loggedIn: false, storage: new MemoryStorage() });
  await chat.signUp({ region: 'eu-west', handle: 'anna', password: 'pa\u0308ssword', displayName: 'Anna' });
  await chat.logIn({ handle: 'anna@eu-west', password: 'p\u00e4ssword' });
  assert.deepEqual(server.requests.slice(0, 2).map(request => request.body.password), ['p\u00e4ssword', 'p\u00e4ssword']);
});

test('log in: a refusal is an error that says what to do', async () => {
  const server = new FakeServer(new FakeClock());
  server.on('POST /v1/handles/anna@eu-west/sessions', () => ({ status: 401, body: { code: 'unauthorized', detail: 'Handle or password is wrong.' } }));
  const chat = client(server, { loggedIn: false });
  await assert.rejects(chat.logIn({ handle: 'anna@eu-west', password: 'x' }), { code: 'unauthorized', message: 'Handle or password is wrong.', status: 401 });
  assert.equal(chat.me, null);
});

test('renewal: before the token expires it is renewed and shown on the open socket', async () => {
  const { clock, server } = await connected();
  const socket = server.socket;
  for (let i = 0; i < 168; i++) {
    await clock.advance(5_000);
    socket.say('heartbeat', {});
  }
  assert.equal(server.count(TOKENS), 1);
  assert.deepEqual(socket.frames('auth').map(frame => frame.payload), [{ token: 'access-2' }]);
  socket.say('auth_ok', { expiresAt: clock.now() + 900_000 });
  for (let i = 0; i < 168; i++) {
    await clock.advance(5_000);
    socket.say('heartbeat', {});
  }
  assert.deepEqual(socket.frames('auth').map(frame => frame.payload.token), ['access-2', 'access-3']);
  assert.equal(server.sockets.length, 1);
});

test('renewal: a clock that is a day off does not matter', async () => {
  for (const off of [-86_400_000, 86_400_000]) {
    const { clock, server } = await connected();
    const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url');
    server.on(TOKENS, () => {
      const iat = Math.floor((clock.now() + off) / 1000);
      return { status: 200, body: { ...server.session(), accessToken: `${encode({})}.${encode({ iat, exp: iat + 900 })}.${server.tokens}`, expiresAt: (iat + 900) * 1000 } };
    });
    for (let i = 0; i < 1800 / 5; i++) {
      await clock.advance(5_000);
      server.socket.say('heartbeat', {});
      if (server.socket.frames('auth').length > 0) server.socket.say('auth_ok', {});
    }
    assert.equal(server.count(TOKENS), 2, `clock off by ${off}`);
    assert.equal(server.sockets.length, 1);
  }
});

test('renewal: one request for many callers', async () => {
  const { clock, server, chat } = await connected();
  server.on('GET /v1/contacts', () => ({ status: 200, body: { contacts: [] } }));
  clock.time += 850_000;
  await Promise.all([chat.contacts(), chat.contacts(), chat.contacts()]);
  assert.equal(server.count(TOKENS), 1);
  assert.deepEqual(server.requests.filter(r => r.route === 'GET /v1/contacts').map(r => r.headers.authorization), Array(3).fill('Bearer access-2'));
});

test('a request answered with 401 is sent once more with a renewed token', async () => {
  const { server, chat } = await connected();
  server.on('GET /v1/contacts', r => (r.headers.authorization === 'Bearer access-1' ? { status: 401, body: { code: 'unauthorized' } } : { status: 200, body: { contacts: [] } }));
  assert.deepEqual(await chat.contacts(), []);
  server.on('GET /v1/contacts', () => ({ status: 401, body: { code: 'unauthorized' } }));
  await assert.rejects(chat.contacts(), { status: 401 });
});

test('two tabs: one renews, the other takes what it got', async () => {
  const storage = new MemoryStorage();
  const { clock, server, chat } = await connected({ storage });
  const other = client(server, { storage });
  server.on('GET /v1/contacts', () => ({ status: 200, body: { contacts: [] } }));
  clock.time += 850_000;
  await chat.contacts();
  await other.contacts();
  assert.equal(server.count(TOKENS), 1);
  assert.equal(server.requests.at(-1).headers.authorization, 'Bearer access-2');
});

test('a temporary failure of a renewal does not end the session', async () => {
  const { clock, server, chat } = await connected();
  server.on(TOKENS, () => ({ status: 503, body: { code: 'cell_unavailable' } }));
  clock.time += 850_000;
  await assert.rejects(chat.contacts(), { code: 'cell_unavailable' });
  assert.equal(chat.me.userId, ANNA);
});

test('log out: forgets the session even when the service is away', async () => {
  const storage = new MemoryStorage();
  const { server, chat } = await connected({ storage });
  server.on('DELETE /v1/sessions/current', () => ({ status: 0 }));
  await chat.logOut();
  await settle();
  assert.equal(chat.me, null);
  assert.equal(storage.get('chat-cells.session'), null);
  assert.equal(chat.state.status, 'stopped');
});

test('storage: garbage in it means nobody is logged in; a store that throws still works for the page', async () => {
  const server = new FakeServer(new FakeClock());
  for (const garbage of ['', '{', '[]', '"x"', 'null', '{"userId":1}']) {
    const storage = new MemoryStorage();
    storage.set('chat-cells.session', garbage);
    const chat = client(server, { storage, loggedIn: false });
    assert.equal(chat.me, null);
  }
  const fail = () => {
    throw new Error('quota');
  };
  const storage = new LocalStorage({ getItem: fail, setItem: fail, removeItem: fail, key: fail, get length() { return fail(); } });
  storage.set('a.1', 'x');
  assert.equal(storage.get('a.1'), 'x');
  assert.deepEqual(storage.keys('a.'), ['a.1']);
  storage.remove('a.1');
  assert.equal(storage.get('a.1'), null);
});
