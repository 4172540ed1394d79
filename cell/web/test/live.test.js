import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStorage } from '../sdk/chat-cells.js';
import { ANNA, BOB, CAROL, connected, DIRECT, GROUP, group, id, message, settle } from './fakes.js';

const views = server => server.socket.frames('presence_subscribe').map(frame => frame.payload.userIds);
const typed = server => server.socket.frames('typing').map(frame => frame.payload);
const seen = (chat, kind) => chat.seen.filter(([type]) => type === kind).map(([, detail]) => detail);

async function reconnect({ clock, server }) {
  server.socket.end(1006);
  await clock.advance(1_000);
  server.socket.accept().sync();
  await settle();
}

// ---- unread ----

test('unread: the server counts; the first frame is everything, later ones are changes', async () => {
  const { server, chat } = await connected();
  for (const n of [1, 2]) server.socket.say('new_message', message(id(n)));
  assert.equal(chat.unread(DIRECT), 2, 'of those that are here, until the server has said it');
  server.socket.say('unread', { channels: [{ channelId: DIRECT, count: 7 }, { channelId: GROUP, count: 100, capped: true }], all: true });
  assert.deepEqual([chat.unread(DIRECT), chat.unread(GROUP)], [7, 100]);
  assert.deepEqual(chat.unreadTotal(), { count: 107, capped: true });
  server.socket.say('unread', { channels: [{ channelId: GROUP, count: 0 }] });
  assert.deepEqual(chat.unreadTotal(), { count: 7, capped: false });
  server.socket.say('unread', { channels: [{ channelId: DIRECT, count: 7 }] });
  assert.deepEqual(seen(chat, 'unread'), [{ channelIds: [DIRECT, GROUP] }, { channelIds: [GROUP] }]);
});

test('unread: after a reconnect what was read elsewhere is gone', async () => {
  const { clock, server, chat } = await connected();
  server.socket.say('unread', { channels: [{ channelId: DIRECT, count: 3 }, { channelId: GROUP, count: 1 }], all: true });
  await reconnect({ clock, server });
  assert.equal(chat.unread(DIRECT), 3, 'as last known, until it is told');
  server.socket.say('unread', { channels: [{ channelId: GROUP, count: 1 }], all: true });
  assert.deepEqual([chat.unread(DIRECT), chat.unread(GROUP)], [0, 1]);
});

test('unread: reading here counts at once, and outlives what was counted before', async () => {
  const { server, chat } = await connected();
  for (const n of [1, 2]) server.socket.say('new_message', message(id(n)));
  server.socket.say('unread', { channels: [{ channelId: DIRECT, count: 2 }], all: true });
  chat.markRead(DIRECT);
  assert.equal(chat.unread(DIRECT), 0);
  server.socket.say('unread', { channels: [{ channelId: DIRECT, count: 2 }] });
  server.socket.say('unread', { channels: [{ channelId: DIRECT, count: 1, lastReadMessageId: id(1) }] });
  assert.equal(chat.unread(DIRECT), 0, 'counted before the server knew');
  server.socket.say('unread', { channels: [{ channelId: DIRECT, count: 1, lastReadMessageId: id(2) }] });
  assert.equal(chat.unread(DIRECT), 1);
});

test('unread: another user begins with nothing', async () => {
  const storage = new MemoryStorage();
  const { server, chat } = await connected({ storage });
  server.socket.say('unread', { channels: [{ channelId: DIRECT, count: 2 }], all: true });
  server.on('POST /v1/handles/bob@us-east/sessions', () => ({ status: 201, body: { ...server.session(), userId: BOB, handle: 'bob@us-east', displayName: 'Bob' } }));
  await chat.logIn({ handle: 'bob@us-east', password: 'correct horse' });
  assert.deepEqual(chat.unreadTotal(), { count: 0, capped: false });
});

// ---- presence ----

test('presence: the whole view is told when it rests, and again on each connection', async () => {
  const { clock, server, chat } = await connected();
  chat.watchPresence([BOB]);
  chat.watchPresence([CAROL, BOB, BOB]);
  assert.deepEqual(views(server), []);
  await clock.advance(150);
  assert.deepEqual(views(server), [[CAROL, BOB].sort()]);
  chat.watchPresence([BOB, CAROL]);
  await clock.advance(1_000);
  assert.equal(views(server).length, 1, 'the same view is not told twice');

  server.socket.say('presence', { userId: BOB, status: 'online', lastActiveAt: 7, devices: ['mobile', 'web'] });
  assert.deepEqual(chat.presence(BOB), { status: 'online', lastActiveAt: 7, devices: ['mobile', 'web'] });
  await reconnect({ clock, server });
  assert.equal(chat.presence(BOB), undefined, 'nothing is known without a connection');
  assert.deepEqual(views(server), [[CAROL, BOB].sort()]);
  assert.deepEqual(seen(chat, 'presence'), [{ userIds: [BOB] }, { userIds: [BOB] }]);
});

test('presence: who is no longer in view is forgotten, and an answer that comes late is passed over', async () => {
  const { clock, server, chat } = await connected();
  chat.watchPresence([BOB]);
  await clock.advance(150);
  server.socket.say('presence', { userId: BOB, status: 'away' });
  assert.deepEqual(chat.presence(BOB), { status: 'away', lastActiveAt: undefined, devices: [] });
  chat.watchPresence([]);
  await clock.advance(150);
  assert.deepEqual(views(server), [[BOB], []]);
  assert.equal(chat.presence(BOB), undefined);
  server.socket.say('presence', { userId: BOB, status: 'online' });
  assert.equal(chat.presence(BOB), undefined);
});

test('presence: at most 200 are watched; none before the connection is', async () => {
  const { clock, server, chat } = await connected();
  server.socket.end(1006);
  chat.watchPresence(Array.from({ length: 250 }, (_, n) => `eu-west-1.${n}`));
  await clock.advance(500);
  assert.equal(server.sockets.length, 1);
  await clock.advance(500);
  server.socket.accept();
  assert.deepEqual(views(server), [], 'sync comes first');
  server.socket.sync();
  await settle();
  assert.equal(views(server)[0].length, 200);
});

test('presence: too many views are told more slowly, and one that was refused for now is told again', async () => {
  const { clock, server, chat } = await connected();
  for (let n = 0; n < 40; n++) {
    chat.watchPresence([`eu-west-1.${n}`]);
    await clock.advance(200);
  }
  assert.ok(views(server).length <= 5 + 8, `${views(server).length} in 8 s`);
  server.socket.say('heartbeat', {});
  await clock.advance(3_000);
  assert.deepEqual(views(server).at(-1), ['eu-west-1.39']);

  const before = views(server).length;
  const { requestId } = server.socket.frames('presence_subscribe').at(-1);
  server.socket.say('error', { code: 'rate_limited', message: 'Slower.', retryAfter: 2_000 }, requestId);
  await clock.advance(1_900);
  assert.equal(views(server).length, before);
  await clock.advance(200);
  assert.deepEqual(views(server).slice(before), [['eu-west-1.39']]);

  server.socket.say('error', { code: 'forbidden', message: 'Not one of them.' }, server.socket.frames('presence_subscribe').at(-1).requestId);
  await clock.advance(5_000);
  assert.equal(views(server).length, before + 1);
  assert.deepEqual(seen(chat, 'error'), []);
  server.socket.say('error', { code: 'forbidden', message: 'Something else.' });
  assert.equal(seen(chat, 'error').length, 1);
});

test('away: told at once, on every heartbeat, and first thing on a new connection', async () => {
  const { clock, server, chat } = await connected();
  chat.setAway(true);
  chat.setAway(true);
  assert.deepEqual(server.socket.frames('heartbeat').map(f => f.payload), [{ status: 'away' }]);
  server.socket.say('heartbeat', {});
  await clock.advance(5_000);
  assert.deepEqual(server.socket.frames('heartbeat').map(f => f.payload), [{ status: 'away' }, { status: 'away' }]);
  await reconnect({ clock, server });
  assert.deepEqual(server.socket.frames('heartbeat').map(f => f.payload), [{ status: 'away' }]);
  chat.setAway(false);
  assert.deepEqual(server.socket.frames('heartbeat').at(-1).payload, {});
});

// ---- typing ----

test('typing: said when it begins and every 3 s while it goes on, and once when it ends', async () => {
  const { clock, server, chat } = await connected();
  for (let i = 0; i < 40; i++) {
    chat.typing(DIRECT);
    await clock.advance(100);
  }
  assert.deepEqual(typed(server), [{ channelId: DIRECT, typing: true }, { channelId: DIRECT, typing: true }]);
  await clock.advance(5_000);
  assert.deepEqual(typed(server).slice(2), [{ channelId: DIRECT, typing: false }]);
  await clock.advance(2_000);
  chat.typing(DIRECT, false);
  assert.equal(typed(server).length, 3);

  chat.typing(DIRECT);
  chat.send(DIRECT, 'done');
  server.socket.say('heartbeat', {});
  assert.deepEqual(typed(server).slice(3), [{ channelId: DIRECT, typing: true }, { channelId: DIRECT, typing: false }]);
  // The next message begins before the service would pass it on: said as soon as it does.
  await clock.advance(1_000);
  chat.typing(DIRECT);
  await clock.advance(1_000);
  assert.equal(typed(server).length, 5);
  await clock.advance(200);
  assert.deepEqual(typed(server).slice(5), [{ channelId: DIRECT, typing: true }]);
  chat.typing(DIRECT, false);
  chat.typing(DIRECT);
  chat.typing(DIRECT, false);
  await clock.advance(3_000);
  assert.deepEqual(typed(server).slice(6), [{ channelId: DIRECT, typing: false }], 'what was never said needs no end');
});

test('typing: others are shown until they stop, write, or are not heard for 6 s', async () => {
  const { clock, server, chat } = await connected();
  server.socket.say('channel_changed', { ...group(3), eventId: id(1), cursor: 'c2' });
  const says = (userId, typing) => server.socket.say('typing', { channelId: GROUP, userId, typing });
  says(CAROL, true);
  says(BOB, true);
  says(CAROL, true);
  assert.deepEqual(chat.typists(GROUP), [CAROL, BOB]);
  says(CAROL, false);
  says(CAROL, false);
  assert.deepEqual(chat.typists(GROUP), [BOB]);
  server.socket.say('new_message', message(id(5), { channelId: GROUP }));
  assert.deepEqual(chat.typists(GROUP), []);
  assert.equal(seen(chat, 'typing').length, 4);

  says(BOB, true);
  await clock.advance(4_000);
  says(BOB, true);
  await clock.advance(4_000);
  assert.deepEqual(chat.typists(GROUP), [BOB]);
  await clock.advance(2_000);
  assert.deepEqual(chat.typists(GROUP), []);
  says(BOB, true);
  server.socket.end(1006);
  assert.deepEqual(chat.typists(GROUP), []);
});

test('typing: nothing is said without a connection', async () => {
  const { clock, server, chat } = await connected();
  server.socket.end(1006);
  chat.typing(DIRECT);
  await clock.advance(1_000);
  server.socket.accept().sync();
  await settle();
  assert.deepEqual(typed(server), []);
  assert.equal(chat.me.userId, ANNA);
});
