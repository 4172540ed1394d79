import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStorage } from '../sdk/chat-cells.js';
import { ANNA, BOB, client, connected, DIRECT, direct, FakeServer, GROUP, group, id, message, settle } from './fakes.js';

const shown = (chat, channelId = DIRECT) => chat.messages(channelId).map(m => [m.content, m.deleted ? 'deleted' : m.edited ? 'edited' : '', m.changing ?? '']);
const requests = (socket, type) => socket.frames(type).map(f => f.requestId);
const edit = (messageId, eventId, content, more = {}) => ({ channelId: DIRECT, messageId, eventId, sender: BOB, by: BOB, contentType: 'text', content, cursor: `c-${eventId}`, ...more });
const deletion = (messageId, eventId, more = {}) => ({ channelId: DIRECT, messageId, eventId, sender: BOB, by: BOB, deleted: true, cursor: `c-${eventId}`, ...more });

/** A client that has an own message, id(1), in a direct channel. */
async function withOwn(options) {
  const all = await connected(options);
  all.server.socket.say('channel_changed', { ...direct(), eventId: id(0), cursor: 'c2' });
  all.server.socket.say('new_message', message(id(1), { sender: ANNA, content: 'first' }));
  return all;
}

test('edit: shows at once, goes out with its request id, is the message after the ack', async () => {
  const { server, chat } = await withOwn();
  const requestId = chat.editMessage(DIRECT, id(1), 'second');
  assert.deepEqual(shown(chat), [['second', 'edited', 'edit']]);
  const [frame] = server.socket.frames('edit_message');
  assert.deepEqual([frame.requestId, frame.payload], [requestId, { channelId: DIRECT, messageId: id(1), content: 'second', contentType: 'text' }]);
  assert.match(requestId, /^[\x21-\x7e]{1,64}$/);
  server.socket.say('message_ack', { messageId: id(1), channelId: DIRECT, status: 'accepted', eventId: id(2) }, requestId);
  assert.deepEqual(shown(chat), [['second', 'edited', '']]);
  server.socket.say('message_changed', edit(id(1), id(2), 'second', { sender: ANNA, by: ANNA, requestId }));
  assert.deepEqual(shown(chat), [['second', 'edited', '']]);
  assert.equal(chat.messages(DIRECT)[0].status, 'accepted');
});

test('delete: shows at once; the own copy of the event is as good as the ack, which may be lost', async () => {
  const { clock, server, chat } = await withOwn();
  const requestId = chat.deleteMessage(DIRECT, id(1));
  assert.deepEqual(shown(chat), [['', 'deleted', 'delete']]);
  assert.deepEqual(server.socket.frames('delete_message').map(f => f.payload), [{ channelId: DIRECT, messageId: id(1) }]);
  server.socket.end(1006);
  await clock.advance(1_000);
  server.socket.accept().sync([{ type: 'message_changed', payload: deletion(id(1), id(2), { sender: ANNA, by: ANNA, requestId }) }]);
  assert.deepEqual(shown(chat), [['', 'deleted', '']]);
  assert.deepEqual(requests(server.socket, 'delete_message'), []);
});

test('a change without a verdict goes out again, unchanged: after a reconnect, after 10 s, after retry', async () => {
  const { clock, server, chat } = await withOwn();
  const requestId = chat.editMessage(DIRECT, id(1), 'second');
  const before = server.socket.frames('edit_message')[0].payload;
  server.socket.end(1006);
  await clock.advance(1_000);
  server.socket.accept().sync();
  assert.deepEqual(server.socket.frames('edit_message').map(f => [f.requestId, f.payload]), [[requestId, before]]);
  await clock.advance(5_000);
  server.socket.say('heartbeat', {});
  await clock.advance(5_000);
  assert.equal(server.socket.frames('edit_message').length, 2);
  server.socket.say('error', { code: 'retry', message: '', retryAfter: 2_000 }, requestId);
  await clock.advance(1_999);
  assert.equal(server.socket.frames('edit_message').length, 2);
  await clock.advance(1);
  assert.deepEqual(requests(server.socket, 'edit_message'), [requestId, requestId, requestId]);
  assert.deepEqual(shown(chat), [['second', 'edited', 'edit']]);
});

test('a page reload keeps changes without a verdict, and shows them as done', async () => {
  const storage = new MemoryStorage();
  const { clock, server, chat } = await withOwn({ storage });
  const first = chat.editMessage(DIRECT, id(1), 'second');
  const second = chat.deleteMessage(DIRECT, id(1));
  chat.stop();
  const next = new FakeServer(clock);
  const reloaded = client(next, { storage });
  reloaded.start();
  await settle();
  next.socket.accept().sync([{ type: 'new_message', payload: message(id(1), { sender: ANNA, content: 'first' }) }]);
  assert.deepEqual(shown(reloaded), [['', 'deleted', 'delete']]);
  assert.deepEqual(next.socket.frames('edit_message').map(f => [f.requestId, f.payload.content]), [[first, 'second']]);
  next.socket.say('message_ack', { messageId: id(1), channelId: DIRECT, eventId: id(2) }, first);
  assert.deepEqual(requests(next.socket, 'delete_message'), [second]);
  next.socket.say('message_ack', { messageId: id(1), channelId: DIRECT, eventId: id(3) }, second);
  assert.deepEqual(storage.keys('chat-cells.outbox.'), []);
  assert.equal(server.socket.frames('chat_message').length + next.socket.frames('chat_message').length, 0);
});

test('changes of one message go one at a time; others, and sends, wait for none of them', async () => {
  const { clock, server, chat } = await withOwn();
  server.socket.say('new_message', message(id(2), { sender: ANNA, content: 'other' }));
  const first = chat.editMessage(DIRECT, id(1), 'a');
  const second = chat.editMessage(DIRECT, id(1), 'b');
  const other = chat.editMessage(DIRECT, id(2), 'c');
  assert.deepEqual(requests(server.socket, 'edit_message'), [first, other]);
  assert.deepEqual(shown(chat).map(([content]) => content), ['b', 'c']);
  server.socket.say('error', { code: 'retry', message: '', retryAfter: 5_000 }, first);
  const sent = chat.send(DIRECT, 'hello');
  const frame = server.socket.frames('chat_message')[0];
  assert.deepEqual([frame.requestId, frame.payload.afterRequest], [sent, undefined]); // the server would wait for ever for a send that is none
  await clock.advance(5_000);
  assert.deepEqual(requests(server.socket, 'edit_message'), [first, other, first]);
  server.socket.say('message_ack', { messageId: id(1), channelId: DIRECT, eventId: id(5) }, first);
  assert.deepEqual(requests(server.socket, 'edit_message'), [first, other, first, second]);
  assert.deepEqual(shown(chat).map(([content]) => content), ['b', 'c', 'hello']);
});

test('a refusal for good: the message shows as before, "failed" says why, the next change goes on', async () => {
  const storage = new MemoryStorage();
  const { server, chat } = await withOwn({ storage });
  const first = chat.editMessage(DIRECT, id(1), 'a');
  server.socket.say('error', { code: 'forbidden', message: 'No.' }, first);
  assert.deepEqual(shown(chat), [['first', '', '']]);
  assert.deepEqual(chat.seen.filter(([type]) => type === 'failed').map(([, d]) => d), [{ channelId: DIRECT, requestId: first, messageId: id(1), error: { code: 'forbidden', message: 'No.' } }]);
  assert.deepEqual(storage.keys('chat-cells.outbox.'), []);
  const second = chat.editMessage(DIRECT, id(1), 'b');
  const third = chat.deleteMessage(DIRECT, id(1));
  server.socket.say('error', { code: 'unknown_type', message: 'An older server.' }, second);
  assert.deepEqual(requests(server.socket, 'delete_message'), [third]);
  server.socket.say('error', { code: 'unknown_message', message: '' }, third);
  assert.deepEqual(shown(chat), [['first', '', '']]);
});

test('what can not be changed is refused here: unsent, unknown, of others, deleted, too long', async () => {
  const { server, chat } = await withOwn();
  const requestId = chat.send(DIRECT, 'on its way');
  const sending = chat.messages(DIRECT).at(-1);
  assert.equal(sending.requestId, requestId);
  assert.throws(() => chat.editMessage(DIRECT, sending.messageId, 'x'), { code: 'unknown_message' });
  assert.throws(() => chat.deleteMessage(DIRECT, id(9)), { code: 'unknown_message' });
  assert.throws(() => chat.deleteMessage(GROUP, id(1)), { code: 'unknown_message' });
  server.socket.say('new_message', message(id(2)));
  assert.throws(() => chat.editMessage(DIRECT, id(2), 'x'), { code: 'forbidden' });
  assert.throws(() => chat.editMessage(DIRECT, id(1), '😀'.repeat(100_001)), { code: 'too_large' });
  chat.deleteMessage(DIRECT, id(1));
  assert.throws(() => chat.editMessage(DIRECT, id(1), 'x'), { code: 'deleted' });
  server.socket.say('message_changed', deletion(id(2), id(3)));
  assert.throws(() => chat.deleteMessage(DIRECT, id(2)), { code: 'deleted' });
  chat.stop();
  await chat.logOut();
  assert.throws(() => chat.deleteMessage(DIRECT, id(2)), { code: 'session_ended' });
});

test('message_changed: the highest event counts, whatever the order; again changes nothing', async () => {
  const { server, chat } = await connected();
  server.socket.say('new_message', message(id(1), { content: 'first' }));
  for (const [n, text] of [[3, 'third'], [2, 'second'], [3, 'third'], [5, 'fifth'], [4, 'fourth']]) server.socket.say('message_changed', edit(id(1), id(n), text));
  assert.deepEqual(shown(chat), [['fifth', 'edited', '']]);
  assert.deepEqual(chat.seen.filter(([type]) => type === 'changed').map(([, d]) => d.by), [BOB, BOB]);
  server.socket.say('new_message', message(id(1), { content: 'first' })); // once more, by a sync
  assert.deepEqual(shown(chat), [['fifth', 'edited', '']]);
});

test('message_changed: a deletion wins over every edit, also over one with a higher id', async () => {
  const { server, chat } = await connected();
  server.socket.say('new_message', message(id(1)));
  server.socket.say('message_changed', edit(id(1), id(8), 'later'));
  server.socket.say('message_changed', deletion(id(1), id(4)));
  assert.deepEqual(shown(chat), [['', 'deleted', '']]);
  server.socket.say('message_changed', edit(id(1), id(9), 'much later'));
  assert.deepEqual(shown(chat), [['', 'deleted', '']]);
  assert.equal(chat.unread(DIRECT), 1);
});

test('message_changed: every order of a message, two edits and a deletion gives the same', async () => {
  const events = [['new_message', message(id(1))], ['message_changed', edit(id(1), id(2), 'a')], ['message_changed', edit(id(1), id(4), 'b')], ['message_changed', deletion(id(1), id(3))]];
  const orders = list => (list.length < 2 ? [list] : list.flatMap((one, i) => orders(list.toSpliced(i, 1)).map(rest => [one, ...rest])));
  for (const without of [undefined, 3]) {
    for (const order of orders(events.filter((_, i) => i !== without))) {
      const { server, chat } = await connected();
      server.socket.sync(order.map(([type, payload]) => ({ type, payload })), 'c9');
      assert.deepEqual(shown(chat), [without ? ['b', 'edited', ''] : ['', 'deleted', '']]);
      chat.stop();
    }
  }
});

test('changes that come before their messages are kept, the latest of them only', async () => {
  const { server, chat } = await connected();
  for (let n = 1; n <= 201; n++) server.socket.say('message_changed', edit(id(n), id(1_000 + n), `edited ${n}`));
  assert.deepEqual(chat.messages(DIRECT), []);
  for (const n of [1, 2, 201]) server.socket.say('new_message', message(id(n), { content: `m${n}` }));
  assert.deepEqual(shown(chat), [['m1', '', ''], ['edited 2', 'edited', ''], ['edited 201', 'edited', '']]);
});

test('a refused edit gives way to what came meanwhile; one that is overtaken shows what is newer', async () => {
  const { server, chat } = await withOwn();
  const requestId = chat.editMessage(DIRECT, id(1), 'mine');
  server.socket.say('message_changed', edit(id(1), id(9), 'of my other device', { sender: ANNA, by: ANNA }));
  assert.deepEqual(shown(chat), [['mine', 'edited', 'edit']]);
  server.socket.say('message_ack', { messageId: id(1), channelId: DIRECT, eventId: id(5) }, requestId);
  assert.deepEqual(shown(chat), [['of my other device', 'edited', '']]);
  chat.editMessage(DIRECT, id(1), 'again');
  server.socket.say('message_changed', deletion(id(1), id(10), { sender: ANNA, by: BOB }));
  assert.deepEqual(shown(chat), [['', 'deleted', '']]);
});

test('history: rows carry the changes, merge with what is here, and are no news when older', async () => {
  const { server, chat } = await connected();
  server.socket.say('channel_changed', { ...direct(), eventId: id(0), cursor: 'c2' });
  server.socket.say('new_message', message(id(7), { content: 'seven' }));
  server.socket.say('new_message', message(id(8), { content: 'eight' }));
  server.socket.say('message_changed', edit(id(8), id(21), 'eight, newer'));
  server.socket.say('message_changed', edit(id(5), id(20), 'five, newer'));
  const row = (n, more) => ({ messageId: id(n), sender: BOB, contentType: 'text', channelVersion: 1, ...more });
  server.on(`GET /v1/channels/${DIRECT}/messages`, () => ({
    status: 200,
    body: {
      messages: [
        row(8, { content: 'eight, older', edited: true, eventId: id(11) }), row(7, { content: 'seven, edited', edited: true, eventId: id(12) }),
        { messageId: id(6), sender: BOB, deleted: true, eventId: id(13) }, row(5, { content: 'five, older', edited: true, eventId: id(14) }), row(4, { content: 'four' }),
      ],
    },
  }));
  await chat.loadHistory(DIRECT);
  assert.deepEqual(shown(chat), [['four', '', ''], ['five, newer', 'edited', ''], ['', 'deleted', ''], ['seven, edited', 'edited', ''], ['eight, newer', 'edited', '']]);
});

test('sync_reset: history has the changes, and one that comes before its page is in is not lost', async () => {
  const { clock, server, chat } = await withOwn();
  const requestId = chat.editMessage(DIRECT, id(1), 'second');
  server.socket.end(1006);
  await clock.advance(1_000);
  let answer;
  const page = new Promise(resolve => {
    answer = resolve;
  });
  server.on('GET /v1/channels', () => ({ status: 200, body: { channels: [direct(2)] } }));
  server.on(`GET /v1/channels/${DIRECT}/messages`, async () => {
    await page;
    return { status: 200, body: { messages: [{ messageId: id(3), sender: BOB, contentType: 'text', content: 'three' }, { messageId: id(1), sender: ANNA, contentType: 'text', content: 'first' }] } };
  });
  server.socket.accept();
  server.socket.say('sync_reset', { cursor: 'c100' });
  await settle();
  assert.deepEqual(chat.messages(DIRECT), []);
  server.socket.say('message_changed', deletion(id(3), id(50)));
  answer();
  await settle();
  assert.deepEqual(shown(chat), [['second', 'edited', 'edit'], ['', 'deleted', '']]);
  assert.deepEqual(requests(server.socket, 'edit_message'), [requestId]);
  server.socket.say('message_ack', { messageId: id(1), channelId: DIRECT, eventId: id(51) }, requestId);
  assert.deepEqual(chat.messages(DIRECT).map(m => m.content), ['second', '']);
});

test('a group: an admin deletes what others wrote; it is taken back when refused', async () => {
  const { server, chat } = await connected();
  server.socket.say('channel_changed', { ...group(), eventId: id(0), cursor: 'c2' });
  server.socket.say('new_message', message(id(1), { channelId: GROUP, content: 'spam' }));
  const requestId = chat.deleteMessage(GROUP, id(1));
  assert.deepEqual(shown(chat, GROUP), [['', 'deleted', 'delete']]);
  assert.equal(chat.messages(GROUP)[0].status, undefined);
  server.socket.say('error', { code: 'forbidden', message: '' }, requestId);
  assert.deepEqual(shown(chat, GROUP), [['spam', '', '']]);
});

test('message_changed of an unknown channel fetches the channel; the cursor moves past every change', async () => {
  const storage = new MemoryStorage();
  const { server, chat } = await connected({ storage });
  server.on(`GET /v1/channels/${DIRECT}`, () => ({ status: 200, body: direct(4) }));
  server.socket.say('message_changed', edit(id(1), id(2), 'x', { cursor: 'c55' }));
  await settle();
  assert.equal(chat.channel(DIRECT).members.length, 2);
  assert.equal(storage.get(`chat-cells.cursor.${ANNA}`), 'c55');
});

test('changes do not bring a channel to the top, nor count as unread', async () => {
  const { server, chat } = await withOwn();
  server.socket.say('channel_changed', { ...group(), eventId: id(0), cursor: 'c3' });
  server.socket.say('new_message', message(id(2), { channelId: GROUP }));
  const unread = chat.unread(DIRECT);
  chat.editMessage(DIRECT, id(1), 'second');
  server.socket.say('message_changed', edit(id(2), id(40), 'x', { channelId: GROUP }));
  assert.deepEqual(chat.channels.map(c => c.channelId), [GROUP, DIRECT]);
  assert.equal(chat.unread(DIRECT), unread);
});
