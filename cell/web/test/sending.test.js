import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStorage } from '../sdk/chat-cells.js';
import { ANNA, BOB, CAROL, client, connected, DIRECT, direct, FakeServer, GROUP, group, id, message, settle } from './fakes.js';

const sends = socket => socket.frames('chat_message');
const statuses = chat => chat.messages(DIRECT).map(m => m.status);

test('send: shows as sending at once, as accepted with its id after the ack', async () => {
  const { server, chat } = await connected();
  server.socket.say('channel_changed', { ...direct(), eventId: id(0), cursor: 'c2' });
  const requestId = chat.send(DIRECT, 'hello');
  assert.deepEqual(chat.messages(DIRECT).map(m => [m.content, m.status, m.messageId]), [['hello', 'sending', undefined]]);
  const [frame] = sends(server.socket);
  assert.equal(frame.requestId, requestId);
  assert.match(requestId, /^[\x21-\x7e]{1,64}$/);
  assert.deepEqual(frame.payload, { channelId: DIRECT, content: 'hello', contentType: 'text' });
  server.socket.say('message_ack', { messageId: id(1), channelId: DIRECT, status: 'accepted' }, requestId);
  assert.deepEqual(chat.messages(DIRECT).map(m => [m.content, m.status, m.messageId]), [['hello', 'accepted', id(1)]]);
});

test('send: names the highest known id and the previous unacked send', async () => {
  const { server, chat } = await connected();
  server.socket.say('new_message', message(id(5)));
  server.socket.say('new_message', message(id(3)));
  const first = chat.send(DIRECT, 'one');
  const second = chat.send(DIRECT, 'two');
  chat.send(GROUP, 'other channel');
  const frames = sends(server.socket).map(f => f.payload);
  assert.deepEqual([frames[0].after, frames[0].afterRequest], [id(5), undefined]);
  assert.deepEqual([frames[1].after, frames[1].afterRequest], [id(5), first]);
  assert.equal(frames[2].afterRequest, undefined);
  server.socket.say('message_ack', { messageId: id(6), channelId: DIRECT }, first);
  server.socket.say('message_ack', { messageId: id(7), channelId: DIRECT }, second);
  chat.send(DIRECT, 'three');
  assert.equal(sends(server.socket).at(-1).payload.after, id(7));
  assert.equal(sends(server.socket).at(-1).payload.afterRequest, undefined);
});

test('reconnect: what has no verdict is sent again, unchanged and in order; an own copy counts as verdict', async () => {
  const { clock, server, chat } = await connected();
  const requests = ['a', 'b', 'c'].map(text => chat.send(DIRECT, text));
  const before = sends(server.socket);
  server.socket.end(1006);
  assert.deepEqual(statuses(chat), ['sending', 'sending', 'sending']);
  await clock.advance(1_000);
  const later = chat.send(DIRECT, 'd');
  server.socket.accept();
  assert.equal(sends(server.socket).length, 0); // nothing before the sync
  server.socket.sync([{ type: 'new_message', payload: message(id(1), { sender: ANNA, content: 'a', requestId: requests[0] }) }]);
  assert.deepEqual(sends(server.socket).map(f => f.requestId), [requests[1], requests[2], later]);
  // Unchanged, but that the first no longer names the accepted one: after a day the server would have forgotten it.
  const { afterRequest, ...second } = before[1].payload;
  assert.equal(afterRequest, requests[0]);
  assert.deepEqual(sends(server.socket).slice(0, 2).map(f => f.payload), [second, before[2].payload]);
  // The ack of a repeat names the same id: nothing doubles.
  server.socket.say('message_ack', { messageId: id(1), channelId: DIRECT }, requests[0]);
  assert.deepEqual(chat.messages(DIRECT).map(m => m.content), ['a', 'b', 'c', 'd']);
});

test('error retry and busy: sent again after the delay, in order', async () => {
  const { clock, server, chat } = await connected();
  const first = chat.send(DIRECT, 'one');
  const second = chat.send(DIRECT, 'two');
  server.socket.say('error', { code: 'retry', message: '', retryAfter: 2_000 }, second);
  server.socket.say('error', { code: 'busy', message: '', retryAfter: 2_000 }, first);
  await clock.advance(1_999);
  assert.equal(sends(server.socket).length, 2);
  await clock.advance(1);
  assert.deepEqual(sends(server.socket).slice(2).map(f => f.requestId), [first, second]);
  assert.deepEqual(statuses(chat), ['sending', 'sending']);
});

test('error retry: what comes behind waits for it, whatever its own delay', async () => {
  const { clock, server, chat } = await connected();
  const first = chat.send(DIRECT, 'one');
  const second = chat.send(DIRECT, 'two');
  server.socket.say('error', { code: 'rate_limited', message: '', retryAfter: 2_000 }, first);
  server.socket.say('error', { code: 'retry', message: '', retryAfter: 200 }, second);
  const third = chat.send(DIRECT, 'three');
  const elsewhere = chat.send(GROUP, 'another channel goes on');
  await clock.advance(1_999);
  assert.deepEqual(sends(server.socket).slice(2).map(f => f.requestId), [elsewhere]);
  await clock.advance(1);
  assert.deepEqual(sends(server.socket).slice(3).map(f => f.requestId), [first, second, third]);
});

test('error retry: what comes behind goes on when it turns out to be accepted', async () => {
  const { clock, server, chat } = await connected();
  const first = chat.send(DIRECT, 'one');
  server.socket.say('error', { code: 'retry', message: '', retryAfter: 9_000 }, first);
  const second = chat.send(DIRECT, 'two');
  assert.equal(sends(server.socket).length, 1);
  server.socket.say('new_message', message(id(1), { sender: ANNA, content: 'one', requestId: first }));
  await clock.advance(1);
  assert.deepEqual(sends(server.socket).slice(1).map(f => f.requestId), [second]);
});

test('no verdict for 10 s on a live socket: sent again', async () => {
  const { clock, server, chat } = await connected();
  const requestId = chat.send(DIRECT, 'one');
  await clock.advance(5_000);
  server.socket.say('heartbeat', {});
  await clock.advance(5_000);
  assert.deepEqual(sends(server.socket).map(f => f.requestId), [requestId, requestId]);
});

test('a refusal for good: shows as failed, lets its successors go, can be sent again or dropped', async () => {
  const { server, chat } = await connected();
  const first = chat.send(DIRECT, 'one');
  const second = chat.send(DIRECT, 'two');
  const third = chat.send(DIRECT, 'three');
  server.socket.say('error', { code: 'not_member', message: 'You are not a member.' }, second);
  assert.deepEqual(chat.messages(DIRECT).map(m => m.status), ['sending', 'failed', 'sending']);
  assert.deepEqual(chat.messages(DIRECT)[1].error, { code: 'not_member', message: 'You are not a member.' });
  assert.deepEqual(chat.seen.filter(([type]) => type === 'failed').map(([, d]) => d.requestId), [second]);
  // "three" no longer waits for what was never judged.
  server.socket.say('error', { code: 'retry', message: '', retryAfter: 1 }, third);
  await server.clock.advance(1);
  assert.equal(sends(server.socket).at(-1).payload.afterRequest, first);
  const again = chat.sendAgain(second);
  assert.notEqual(again, second);
  assert.deepEqual(chat.messages(DIRECT).map(m => m.content), ['one', 'three', 'two']);
  server.socket.say('error', { code: 'forbidden', message: '' }, again);
  chat.discard(again);
  assert.deepEqual(chat.messages(DIRECT).map(m => m.content), ['one', 'three']);
});

test('a page reload keeps what was not accepted, in order', async () => {
  const storage = new MemoryStorage();
  const { clock, server, chat } = await connected({ storage });
  const first = chat.send(DIRECT, 'one');
  const second = chat.send(DIRECT, 'two');
  server.socket.say('message_ack', { messageId: id(1), channelId: DIRECT }, first);
  const before = sends(server.socket).find(f => f.requestId === second).payload;
  chat.stop();

  const next = new FakeServer(clock);
  const reloaded = client(next, { storage });
  assert.deepEqual(reloaded.messages(DIRECT).map(m => [m.content, m.status]), [['two', 'sending']]);
  reloaded.start();
  await settle();
  next.socket.accept().sync();
  const { afterRequest, ...unchanged } = before; // the accepted one is not waited for any more
  assert.equal(afterRequest, first);
  assert.deepEqual(sends(next.socket).map(f => [f.requestId, f.payload]), [[second, unchanged]]);
  next.socket.say('message_ack', { messageId: id(2), channelId: DIRECT }, second);
  assert.deepEqual(storage.keys('chat-cells.outbox.'), []);
});

test('a text over 100,000 code points is refused here; exactly that many pass', async () => {
  const { server, chat } = await connected();
  assert.throws(() => chat.send(DIRECT, '😀'.repeat(100_001)), { code: 'too_large' });
  chat.send(DIRECT, '😀'.repeat(100_000));
  assert.equal(sends(server.socket).length, 1);
});

test('ticks: delivered and read when all others have; receipts only grow', async () => {
  const { server, chat } = await connected();
  server.socket.say('channel_changed', { ...group(), eventId: id(0), cursor: 'c2' });
  const requestId = chat.send(GROUP, 'hello');
  server.socket.say('message_ack', { messageId: id(5), channelId: GROUP }, requestId);
  const last = () => {
    const m = chat.messages(GROUP).at(-1);
    return [m.status, m.readBy, m.others];
  };
  const receipt = (userId, deliveredUpTo, readUpTo) => server.socket.say('receipt', { channelId: GROUP, userId, deliveredUpTo, readUpTo });
  assert.deepEqual(last(), ['accepted', 0, 2]);
  receipt(BOB, id(5));
  assert.deepEqual(last(), ['accepted', 0, 2]);
  receipt(CAROL, id(6));
  assert.deepEqual(last(), ['delivered', 0, 2]);
  receipt(CAROL, id(6), id(6));
  assert.deepEqual(last(), ['delivered', 1, 2]);
  receipt(CAROL, id(1), id(1));
  receipt(ANNA, id(9), id(9));
  assert.deepEqual(last(), ['delivered', 1, 2]);
  receipt(BOB, undefined, id(5));
  assert.deepEqual(last(), ['read', 2, 2]);
});
