import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStorage } from '../sdk/chat-cells.js';
import { ANNA, BOB, client, connected, DIRECT, direct, GROUP, group, id, message, settle } from './fakes.js';

const texts = (chat, channelId = DIRECT) => chat.messages(channelId).map(m => m.content);

test('receive: ordered by id, each once, however they come', async () => {
  const { server, chat } = await connected();
  const order = [5, 1, 3, 5, 2, 4, 1, 3];
  for (const n of order) server.socket.say('new_message', message(id(n), { content: `m${n}` }));
  assert.deepEqual(texts(chat), ['m1', 'm2', 'm3', 'm4', 'm5']);
  assert.equal(chat.seen.filter(([type]) => type === 'message').length, 5);
});

test('delivered: acks the last cursor, together for what came together', async () => {
  const { clock, server } = await connected();
  for (let n = 1; n <= 20; n++) server.socket.say('new_message', message(id(n)));
  await clock.advance(250);
  assert.deepEqual(server.socket.frames('delivered').map(f => f.payload), [{ cursor: `c-${id(20)}` }]);
  await clock.advance(10_000);
  assert.equal(server.socket.frames('delivered').length, 1);
});

test('sync batches and live frames give one history', async () => {
  const { clock, server, chat } = await connected();
  server.socket.say('new_message', message(id(1), { content: 'm1' }));
  server.socket.end(1006);
  await clock.advance(1_000);
  server.socket.accept();
  server.socket.sync([{ type: 'new_message', payload: message(id(1), { content: 'm1' }) }, { type: 'new_message', payload: message(id(2), { content: 'm2' }) }], 'x2', true);
  server.socket.sync([{ type: 'new_message', payload: message(id(3), { content: 'm3' }) }], 'x3', false);
  server.socket.say('new_message', message(id(4), { content: 'm4' }));
  assert.deepEqual(texts(chat), ['m1', 'm2', 'm3', 'm4']);
});

test('an event of a type that is not known moves the cursor and does nothing else', async () => {
  const storage = new MemoryStorage();
  const { server } = await connected({ storage });
  server.socket.say('reaction', { channelId: DIRECT, cursor: 'c77' });
  assert.equal(storage.get(`chat-cells.cursor.${ANNA}`), 'c77');
});

test('channels: created by others, renamed, left; an older version changes nothing', async () => {
  const { server, chat } = await connected();
  server.socket.say('channel_changed', { ...group(3), eventId: id(1), cursor: 'c2' });
  assert.deepEqual(chat.channels.map(c => [c.name, c.members.length]), [['Team', 3]]);
  server.socket.say('channel_changed', { ...group(2), name: 'Old', eventId: id(0), cursor: 'c3' });
  assert.equal(chat.channel(GROUP).name, 'Team');
  server.socket.say('channel_changed', { ...group(4), name: 'New', eventId: id(2), cursor: 'c4' });
  assert.equal(chat.channel(GROUP).name, 'New');
  server.socket.say('channel_changed', { ...group(5), members: [], removed: true, eventId: id(3), cursor: 'c5' });
  assert.equal(chat.channel(GROUP), undefined);
  assert.deepEqual(chat.channels, []);
  server.socket.say('channel_changed', { ...group(6), eventId: id(4), cursor: 'c6' });
  assert.equal(chat.channel(GROUP).members.length, 3);
});

test('a message of an unknown channel fetches the channel', async () => {
  const { server, chat } = await connected();
  server.on(`GET /v1/channels/${DIRECT}`, () => ({ status: 200, body: direct(4) }));
  server.socket.say('new_message', message(id(1)));
  await settle();
  assert.equal(chat.channel(DIRECT).members.length, 2);
  assert.equal(chat.messages(DIRECT).length, 1);
});

test('unread: messages of others above what was read, on any device', async () => {
  const { server, chat } = await connected();
  for (const n of [1, 2, 3]) server.socket.say('new_message', message(id(n)));
  server.socket.say('new_message', message(id(4), { sender: ANNA }));
  assert.equal(chat.unread(DIRECT), 3);
  server.socket.say('read', { channelId: DIRECT, readUpTo: id(2), eventId: id(5), cursor: 'c9' });
  assert.equal(chat.unread(DIRECT), 1);
  chat.markRead(DIRECT);
  assert.equal(chat.unread(DIRECT), 0);
  assert.deepEqual(server.socket.frames('read_receipt').map(f => f.payload), [{ channelId: DIRECT, lastReadMessageId: id(3), cursor: 'c9' }]);
  chat.markRead(DIRECT);
  assert.equal(server.socket.frames('read_receipt').length, 1);
});

test('a message that comes late, older than an own one, is told as read too', async () => {
  const { server, chat } = await connected();
  server.socket.say('new_message', message(id(1)));
  server.socket.say('new_message', message(id(9), { sender: ANNA }));
  chat.markRead(DIRECT);
  server.socket.say('new_message', message(id(5)));
  assert.equal(chat.unread(DIRECT), 1);
  chat.markRead(DIRECT);
  assert.deepEqual(server.socket.frames('read_receipt').map(f => f.payload.lastReadMessageId), [id(1), id(5)]);
});

test('a message that comes late, below what was read, is unread until it was seen here: the same pointer, a newer cursor', async () => {
  const { server, chat } = await connected();
  const reads = () => server.socket.frames('read_receipt').map(f => [f.payload.lastReadMessageId, f.payload.cursor]);
  server.socket.say('new_message', message(id(5), { cursor: 'c5' }));
  server.socket.say('unread', { channels: [{ channelId: DIRECT, count: 1 }], all: true });
  chat.markRead(DIRECT);
  server.socket.say('new_message', message(id(3), { cursor: 'c6' }));
  server.socket.say('unread', { channels: [{ channelId: DIRECT, count: 1, lastReadMessageId: id(5) }] });
  assert.equal(chat.unread(DIRECT), 1);
  chat.markRead(DIRECT);
  assert.equal(chat.unread(DIRECT), 0);
  chat.markRead(DIRECT);
  assert.deepEqual(reads(), [[id(5), 'c5'], [id(5), 'c6']]);

  // Of another device's reading only the server knows how far it went: what it counts still is read when it was seen here.
  server.socket.say('unread', { channels: [{ channelId: DIRECT, count: 1, lastReadMessageId: id(5) }] });
  chat.markRead(DIRECT);
  assert.equal(reads().length, 3);
  chat.markRead(DIRECT);
  assert.equal(reads().length, 3);
});

test('marking as read while a message is told covers that message; one that comes again is not late', async () => {
  const { server, chat } = await connected();
  chat.addEventListener('message', ({ detail }) => chat.markRead(detail.channelId));
  server.socket.say('sync_batch', { events: [{ type: 'new_message', payload: message(id(1), { cursor: 'c11' }) }, { type: 'new_message', payload: message(id(2), { cursor: 'c12' }) }], cursor: 'c12', more: false });
  server.socket.say('new_message', message(id(3), { cursor: 'c13' }));
  server.socket.say('new_message', message(id(3), { cursor: 'c13' }));
  chat.markRead(DIRECT);
  assert.deepEqual(server.socket.frames('read_receipt').map(f => [f.payload.lastReadMessageId, f.payload.cursor]), [[id(1), 'c11'], [id(2), 'c12'], [id(3), 'c13']]);
});

test('reading while away is told after the reconnect, the latest only', async () => {
  const { clock, server, chat } = await connected();
  server.socket.say('new_message', message(id(1)));
  server.socket.say('new_message', message(id(2)));
  server.socket.end(1006);
  chat.markRead(DIRECT);
  await clock.advance(1_000);
  server.socket.accept().sync();
  assert.deepEqual(server.socket.frames('read_receipt').map(f => f.payload.lastReadMessageId), [id(2)]);
});

test('a read that may have been lost with its socket is told again, until the server confirms it', async () => {
  const { clock, server, chat } = await connected();
  server.socket.say('new_message', message(id(1)));
  chat.markRead(DIRECT);
  server.socket.end(1006);
  await clock.advance(1_000);
  server.socket.accept().sync();
  assert.deepEqual(server.socket.frames('read_receipt').map(f => f.payload.lastReadMessageId), [id(1)]);
  server.socket.say('read', { channelId: DIRECT, readUpTo: id(1), readCursor: 'c0', eventId: id(2), cursor: 'c9' }); // another device's, of before
  server.socket.end(1006);
  await clock.advance(3_000);
  server.socket.accept().sync();
  assert.deepEqual(server.socket.frames('read_receipt').map(f => [f.payload.lastReadMessageId, f.payload.cursor]), [[id(1), `c-${id(1)}`]], 'as far as had been seen then');
  server.socket.say('read', { channelId: DIRECT, readUpTo: id(1), readCursor: `c-${id(1)}`, eventId: id(3), cursor: 'c10' });
  server.socket.end(1006);
  await clock.advance(8_000);
  server.socket.accept().sync();
  assert.deepEqual(server.socket.frames('read_receipt'), []);
});

test('history: pages back, merges with what came live, ends', async () => {
  const { server, chat } = await connected();
  server.socket.say('channel_changed', { ...direct(), eventId: id(0), cursor: 'c2' });
  server.socket.say('new_message', message(id(9), { content: 'live' }));
  const pages = { '': { messages: [message(id(9), { content: 'live' }), message(id(8), { content: 'm8' })], next: id(8) }, [id(8)]: { messages: [message(id(7), { content: 'm7' })] } };
  server.on(`GET /v1/channels/${DIRECT}/messages`, r => ({ status: 200, body: pages[new URLSearchParams(r.search).get('before') ?? ''] }));
  server.on(`GET /v1/channels/${DIRECT}/receipts`, () => ({ status: 200, body: { receipts: [{ userId: ANNA, readUpTo: id(8) }] } }));
  assert.equal(await chat.loadHistory(DIRECT), true);
  assert.deepEqual(texts(chat), ['m8', 'live']);
  assert.equal(chat.unread(DIRECT), 1);
  assert.equal(await chat.loadHistory(DIRECT), false);
  assert.deepEqual(texts(chat), ['m7', 'm8', 'live']);
  assert.equal(await chat.loadHistory(DIRECT), false);
  assert.equal(server.count(`GET /v1/channels/${DIRECT}/messages`), 2);
});

test('loadChannels: all pages of the list and the latest page of each', async () => {
  const { server, chat } = await connected();
  server.on('GET /v1/channels', r => ({ status: 200, body: r.search.includes('after=x') ? { channels: [group()] } : { channels: [direct()], next: 'x' } }));
  server.on(`GET /v1/channels/${GROUP}/messages`, () => ({ status: 200, body: { messages: [message(id(3), { channelId: GROUP })] } }));
  await chat.loadChannels();
  assert.deepEqual(chat.channels.map(c => c.channelId), [GROUP, DIRECT]);
});

test('sync_reset: reloads channels and history, then goes on live from the new cursor', async () => {
  const { clock, server, chat } = await connected();
  server.socket.say('channel_changed', { ...direct(), eventId: id(0), cursor: 'c2' });
  server.socket.say('new_message', message(id(1), { content: 'old' }));
  server.socket.end(1006);
  await clock.advance(1_000);
  server.on('GET /v1/channels', () => ({ status: 200, body: { channels: [direct(2)] } }));
  server.on(`GET /v1/channels/${DIRECT}/messages`, () => ({ status: 200, body: { messages: [message(id(50), { content: 'new' })], next: id(50) } }));
  server.socket.accept();
  server.socket.say('sync_reset', { cursor: 'c100' });
  assert.equal(chat.state.status, 'connected');
  await settle();
  assert.ok(chat.seen.some(([type]) => type === 'reset'));
  assert.deepEqual(texts(chat), ['new']);
  server.socket.say('new_message', message(id(51), { content: 'live' }));
  assert.deepEqual(texts(chat), ['new', 'live']);
  server.socket.end(1006);
  await clock.advance(2_000);
  server.socket.accept();
  assert.equal(server.socket.sent[0].payload.cursor, `c-${id(51)}`);
});

test('sync_reset: a read that waits goes with the new cursor, the old one says nothing any more', async () => {
  const { clock, server, chat } = await connected();
  server.socket.say('new_message', message(id(1)));
  server.socket.end(1006);
  chat.markRead(DIRECT);
  server.on('GET /v1/channels', () => ({ status: 200, body: { channels: [] } }));
  await clock.advance(1_000);
  server.socket.accept();
  server.socket.say('sync_reset', { cursor: 'c100' });
  await settle();
  server.socket.end(1006);
  await clock.advance(2_000);
  server.socket.accept().sync([], 'c100');
  assert.deepEqual(server.socket.frames('read_receipt').map(f => [f.payload.lastReadMessageId, f.payload.cursor]), [[id(1), 'c100']]);
});

test('receipts that came while away are asked for', async () => {
  const { clock, server, chat } = await connected();
  server.socket.say('channel_changed', { ...direct(), eventId: id(0), cursor: 'c2' });
  const requestId = chat.send(DIRECT, 'hello');
  server.socket.say('message_ack', { messageId: id(5), channelId: DIRECT }, requestId);
  server.socket.end(1006);
  server.on(`GET /v1/channels/${DIRECT}/receipts`, () => ({ status: 200, body: { receipts: [{ userId: BOB, deliveredUpTo: id(5), readUpTo: id(5) }] } }));
  await clock.advance(1_000);
  server.socket.accept().sync();
  await settle();
  assert.equal(chat.messages(DIRECT).at(-1).status, 'read');
});

test('create: a channel is there when the answer is; a retry after no answer names the same request', async () => {
  const { clock, server, chat } = await connected();
  const bodies = [];
  server.on('POST /v1/channels', r => {
    bodies.push(r.body);
    return bodies.length === 1 ? { status: 0 } : { status: 201, body: group() };
  });
  const creating = chat.createGroup('Team', [BOB]);
  await clock.advance(5_000);
  assert.equal((await creating).channelId, GROUP);
  assert.equal(bodies.length, 2);
  assert.deepEqual(bodies[0], bodies[1]);
  assert.equal(chat.channel(GROUP).name, 'Team');
});

test('users are asked for once', async () => {
  const { server, chat } = await connected();
  server.on(`GET /v1/users/${BOB}`, () => ({ status: 200, body: { userId: BOB, handle: 'bob@us-east', displayName: 'Bob' } }));
  await Promise.all([chat.user(BOB), chat.user(BOB)]);
  await chat.user(BOB);
  assert.equal(server.count(`GET /v1/users/${BOB}`), 1);
  assert.equal(chat.knownUser(BOB).displayName, 'Bob');
});

test('logging in as somebody else forgets everything of the first', async () => {
  const { server, chat } = await connected();
  server.socket.say('new_message', message(id(1)));
  server.on('POST /v1/handles/bob@us-east/sessions', () => ({ status: 201, body: { ...server.session(), userId: BOB, handle: 'bob@us-east', displayName: 'Bob' } }));
  await chat.logIn({ handle: 'bob@us-east', password: 'x' });
  assert.equal(chat.me.userId, BOB);
  assert.deepEqual(chat.messages(DIRECT), []);
  assert.equal(chat.state.status, 'stopped');
  client(server);
});
