import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStorage } from '../sdk/chat-cells.js';
import { client, connected, DIRECT, FakeClock, FakeServer, id, message, settle } from './fakes.js';

test('connect: a ticket goes into the subprotocol, sync is the first frame, the stored cursor is named', async () => {
  const clock = new FakeClock();
  const server = new FakeServer(clock);
  const storage = new MemoryStorage();
  storage.set('chat-cells.cursor.eu-west-1.01JD0000000000000000000001', 'c-old');
  const chat = client(server, { storage });
  chat.start();
  await settle();
  assert.equal(server.requests[0].headers.authorization, 'Bearer access-1');
  assert.equal(server.socket.url, 'ws://router.test/v1/ws');
  assert.deepEqual(server.socket.protocols, ['chat.cells.v1', 'ticket.eu-west-1.01JD0000000000000000000001.secret1']);
  server.socket.accept();
  assert.deepEqual([server.socket.sent[0].type, server.socket.sent[0].payload], ['sync', { cursor: 'c-old' }]);
  assert.equal(chat.state.status, 'syncing');
  server.socket.sync([], 'c1', true);
  assert.equal(chat.state.status, 'syncing');
  server.socket.sync([], 'c2', false);
  assert.equal(chat.state.status, 'connected');
  assert.equal(storage.get('chat-cells.cursor.eu-west-1.01JD0000000000000000000001'), 'c2');
});

test('reconnect: delays double from 1 s to 30 s, jittered between half and whole, and start again after a steady connection', async () => {
  for (const [random, share] of [[0, 0.5], [0.999999, 1]]) {
    const { clock, server, chat } = await connected({ random: () => random });
    await clock.advance(6_000);
    const delays = [];
    for (let i = 0; i < 8; i++) {
      server.socket.end(1006);
      const before = clock.now();
      delays.push(Math.round((chat.state.retryAt - before) / 100) / 10);
      await clock.advance(chat.state.retryAt - before);
    }
    assert.deepEqual(delays, [1, 2, 4, 8, 16, 30, 30, 30].map(s => s * share));
    server.socket.accept().sync();
    await clock.advance(5_000);
    server.socket.end(1006);
    assert.equal(Math.round((chat.state.retryAt - clock.now()) / 100) / 10, share);
  }
});

test('reconnect: a server that accepts and drops at once does not reset the delay', async () => {
  const { clock, server, chat } = await connected();
  const delays = [];
  for (let i = 0; i < 4; i++) {
    server.socket.end(1006);
    delays.push(chat.state.retryAt - clock.now());
    await clock.advance(delays.at(-1));
    server.socket.accept().sync();
    await settle();
  }
  assert.deepEqual(delays, [750, 1500, 3000, 6000]);
});

test('reconnect: resumes from the last cursor', async () => {
  const { clock, server } = await connected();
  server.socket.say('new_message', message(id(1)));
  server.socket.end(1006);
  await clock.advance(1_000);
  server.socket.accept();
  assert.deepEqual(server.socket.sent[0].payload, { cursor: `c-${id(1)}` });
});

test('close 4013: waits as long as the server says', async () => {
  const { clock, server, chat } = await connected();
  server.socket.end(4013, '7300');
  assert.equal(chat.state.retryAt - clock.now(), 7_300);
  await clock.advance(7_299);
  assert.equal(server.sockets.length, 1);
  await clock.advance(1);
  assert.equal(server.sockets.length, 2);
});

test('close 4013: a reason that is no delay means now, a huge one at most a minute', async () => {
  for (const [reason, delay] of [['', 0], ['soon', 0], ['-5', 0], ['99999999', 60_000]]) {
    const { clock, server, chat } = await connected();
    server.socket.end(4013, reason);
    assert.equal(chat.state.retryAt - clock.now(), delay);
  }
});

test('close 4010: asks the router again at once, then backs off', async () => {
  const { clock, server, chat } = await connected();
  server.socket.end(4010, 'us-east-1');
  assert.equal(chat.state.retryAt - clock.now(), 125);
  await clock.advance(125);
  assert.equal(server.count('POST /v1/tickets'), 2);
  server.socket.accept();
  server.socket.end(4010, 'us-east-1');
  assert.equal(chat.state.retryAt - clock.now(), 1_500);
});

test('close 4001: renews the token, then reconnects', async () => {
  const { clock, server } = await connected();
  server.socket.end(4001);
  await clock.advance(250);
  assert.equal(server.count('POST /v1/users/eu-west-1.01JD0000000000000000000001/tokens'), 1);
  assert.equal(server.requests.at(-1).headers.authorization, 'Bearer access-2');
  assert.equal(server.sockets.length, 2);
});

test('close 4001 and a refused refresh token: the session ends', async () => {
  const { clock, server, chat, storage } = await connected({ storage: new MemoryStorage() });
  server.on('POST /v1/users/eu-west-1.01JD0000000000000000000001/tokens', () => ({ status: 401, body: { code: 'unauthorized' } }));
  server.socket.end(4001);
  await clock.advance(250);
  assert.equal(chat.me, null);
  assert.equal(chat.state.status, 'stopped');
  assert.equal(storage.get('chat-cells.session'), null);
  await clock.advance(120_000);
  assert.equal(server.sockets.length, 1);
});

test('a ticket that is refused for now: waits at least as long as the answer says', async () => {
  const clock = new FakeClock();
  const server = new FakeServer(clock);
  const tickets = server.answers.get('POST /v1/tickets');
  server.on('POST /v1/tickets', () => ({ status: 503, body: { code: 'cell_unavailable', detail: 'down', retryAfter: 4_000 } }));
  const chat = client(server);
  chat.start();
  await settle();
  assert.equal(server.count('POST /v1/tickets'), 1);
  assert.equal(chat.state.status, 'waiting');
  assert.equal(chat.state.retryAt - clock.now(), 4_000);
  server.on('POST /v1/tickets', tickets);
  await clock.advance(4_000);
  assert.equal(server.sockets.length, 1);
});

test('no network: keeps trying', async () => {
  const clock = new FakeClock();
  const server = new FakeServer(clock);
  server.on('POST /v1/tickets', () => ({ status: 0 }));
  const chat = client(server);
  chat.start();
  await clock.advance(300_000);
  assert.ok(server.count('POST /v1/tickets') > 10);
  assert.notEqual(chat.state.status, 'stopped');
});

test('wake: does not wait any longer', async () => {
  const { clock, server, chat } = await connected();
  await clock.advance(6_000);
  server.socket.end(1006);
  chat.wake();
  await settle();
  assert.equal(server.sockets.length, 2);
  assert.equal(chat.state.status, 'connecting');
});

test('heartbeats: every 5 s; after 15 s of silence the socket is given up', async () => {
  const { clock, server, chat } = await connected();
  const first = server.socket;
  await clock.advance(10_000);
  assert.equal(first.frames('heartbeat').length, 2);
  first.say('heartbeat', {});
  await clock.advance(14_000);
  assert.equal(chat.state.status, 'connected');
  await clock.advance(6_000);
  assert.equal(first.readyState, 3);
  assert.notEqual(server.socket, first);
  // What a given-up socket still says is not heard.
  first.onmessage?.({ data: JSON.stringify({ type: 'new_message', payload: message(id(1)) }) });
  assert.equal(chat.messages(DIRECT).length, 0);
});

test('a socket that never opens is given up', async () => {
  const clock = new FakeClock();
  const server = new FakeServer(clock);
  const chat = client(server);
  chat.start();
  await clock.advance(15_000);
  assert.equal(chat.state.status, 'waiting');
});

test('a frame that is not JSON ends the connection and nothing else', async () => {
  const { clock, server, chat } = await connected();
  server.socket.onmessage({ data: '{"type":' });
  assert.equal(chat.state.status, 'waiting');
  await clock.advance(1_000);
  server.socket.accept().sync();
  assert.equal(chat.state.status, 'connected');
});

test('stop: nothing happens any more', async () => {
  const { clock, server, chat } = await connected();
  const socket = server.socket;
  chat.stop();
  assert.equal(socket.readyState, 3);
  await clock.advance(100_000);
  assert.equal(server.sockets.length, 1);
  assert.equal(chat.state.status, 'stopped');
});
