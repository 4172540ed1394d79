import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opening } from '../public/ui/opening.js';
import { ANNA, BOB, CAROL, connected, DIRECT, direct, GROUP, group, id, settle } from './fakes.js';

/** A page that shows a conversation with Bob, and a service that takes its time to make another one. */
async function page() {
  const { server, chat } = await connected();
  server.socket.say('channel_changed', { ...direct(), eventId: id(0), cursor: 'c2' });
  const made = [];
  server.on('POST /v1/channels', () => new Promise(answer => made.push(body => answer(body ? { status: 201, body } : { status: 403, body: { code: 'forbidden', detail: 'No.' } }))));
  const shown = [DIRECT];
  const opening = new Opening(chat, () => shown.at(-1), channelId => shown.push(channelId));
  return { opening, shown, made, server };
}

const withCarol = { ...direct(), channelId: 'd.01JD00000000000000000000CC', members: [ANNA, CAROL].map(userId => ({ userId, role: 'member' })) };

test('a direct chat that is known opens at once, without asking', async () => {
  const { opening, shown, made } = await page();
  opening.direct(BOB);
  assert.deepEqual(shown, [DIRECT, DIRECT]);
  await settle();
  assert.equal(made.length, 0);
});

test('while one is being made none is open: what is typed goes to nobody else', async () => {
  const { opening, shown, made } = await page();
  opening.direct(CAROL);
  assert.equal(shown.at(-1), null);
  await settle();
  assert.equal(shown.at(-1), null);
  made[0](withCarol);
  await settle();
  assert.equal(shown.at(-1), withCarol.channelId);
});

test('what was opened meanwhile stays open, and of two that are made the later one opens', async () => {
  const { opening, shown, made } = await page();
  opening.direct(CAROL);
  shown.push(DIRECT);
  await settle();
  made[0](withCarol);
  await settle();
  assert.equal(shown.at(-1), DIRECT);

  const other = await page();
  other.opening.direct(CAROL);
  other.opening.made(async () => group());
  await settle();
  assert.equal(other.shown.at(-1), GROUP);
  other.shown.push(null); // closed again
  other.made[0](withCarol);
  await settle();
  assert.equal(other.shown.at(-1), null);
});

test('one that can not be made: says why, and none is open', async () => {
  const { opening, shown, made } = await page();
  const opened = opening.direct(CAROL);
  await settle();
  made[0](null);
  await assert.rejects(opened, { code: 'forbidden' });
  assert.equal(shown.at(-1), null);
});
