import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { faint, nameless, overflow } from './checks.js';
import { launch, PATIENCE, Person, picture, regions, skip } from './browser.js';

const run = Date.now().toString(36);

describe('who is there, who writes, what is unread', { skip, timeout: 400_000 }, () => {
  let browser;
  let anna;
  let bea;
  let carl;

  const subtitle = (person, text) => person.page.locator('#head-subtitle', { hasText: text }).waitFor();
  const dot = (person, title, status) => person.row(title).locator(`.presence[data-status="${status}"]`);
  const titled = (person, title) => person.page.waitForFunction(wanted => document.title === wanted, title, { timeout: PATIENCE });

  before(async () => {
    browser = await launch();
    const there = await regions();
    assert.ok(there.length >= 2, `two regions are needed; there are: ${there}`);
    [anna, bea, carl] = await Promise.all([
      Person.signUp(browser, { name: 'Anna Berg', handle: `anna-l${run}`, region: there[0] }),
      Person.signUp(browser, { name: 'Bea Ortiz', handle: `bea-l${run}`, region: there[1], colorScheme: 'dark' }),
      Person.signUp(browser, { name: 'Carl Lund', handle: `carl-l${run}`, region: there[0], viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 }),
    ]);
    await anna.addContact(bea.handle);
    await anna.addContact(carl.handle);
    await anna.openChatWith(carl.handle);
    await anna.say('Are you bringing the big tent, Carl?');
    await anna.openChatWith(bea.handle);
    await anna.say('Bea, the ferry leaves at 7:40. Can you make it?');
    await bea.open('Anna Berg');
    await anna.progressed('ferry leaves', 'read');
  });

  after(async () => {
    await browser?.close();
  });

  test('presence: online, away behind other windows, last seen; across regions, in colour and in words', async () => {
    await subtitle(anna, 'Online');
    await subtitle(bea, 'Online');
    await dot(anna, 'Bea Ortiz', 'Online').waitFor();
    await dot(anna, 'Carl Lund', 'Online').waitFor();
    assert.match(await anna.row('Bea Ortiz').textContent(), /Online, .*Bea Ortiz/);

    await carl.hide();
    await dot(anna, 'Carl Lund', 'Away').waitFor();
    await bea.hide();
    await subtitle(anna, 'Away');
    await picture(anna.page, 'presence');
    await bea.hide(false);
    await subtitle(anna, 'Online');
    await subtitle(bea, 'Online');
    await carl.hide(false);
    await dot(anna, 'Carl Lund', 'Online').waitFor();

    await bea.page.goto('about:blank');
    await subtitle(anna, /Last seen today at \d\d:\d\d/);
    await dot(anna, 'Bea Ortiz', '').waitFor({ state: 'attached' });
    await picture(anna.page, 'last-seen');
    await bea.page.goBack();
    await bea.connected();
    await subtitle(anna, 'Online');
  });

  test('presence: only of those on the screen', async () => {
    const nobodyIsSeen = () => anna.page.waitForFunction(() => [...document.querySelectorAll('[data-presence]')].every(element => !element.dataset.status), null, { timeout: PATIENCE });
    await dot(anna, 'Carl Lund', 'Online').waitFor();
    await anna.hide();
    await nobodyIsSeen();
    await anna.hide(false);
    await dot(anna, 'Carl Lund', 'Online').waitFor();
  });

  test('typing: a line with names, the row in the list, gone when the message comes or the writer stops', async () => {
    await bea.page.locator('#message').pressSequentially('I will be there at se', { delay: 30 });
    await anna.page.locator('#typing', { hasText: 'Bea is typing…' }).waitFor();
    await anna.row('Bea Ortiz').locator('.row-preview', { hasText: 'typing…' }).waitFor();
    await picture(anna.page, 'typing');
    await bea.page.locator('#message').pressSequentially('ven.');
    await bea.page.keyboard.press('Enter');
    await anna.bubble('at seven').waitFor();
    assert.equal(await anna.page.locator('#typing').textContent(), '');
    await bea.page.locator('#message').pressSequentially('And');
    await anna.page.locator('#typing', { hasText: 'Bea is typing…' }).waitFor();
    await bea.page.locator('#message').fill('');
    await anna.page.waitForFunction(() => document.getElementById('typing').textContent === '');
    // What one writes oneself is no news.
    await anna.page.locator('#message').pressSequentially('Great');
    await bea.page.locator('#typing', { hasText: 'Anna is typing…' }).waitFor();
    assert.equal(await anna.page.locator('#typing').textContent(), '');
    await anna.page.keyboard.press('Enter');
  });

  test('typing: two in a group', async () => {
    await anna.page.getByRole('button', { name: 'New group' }).click();
    await anna.page.getByLabel('Group name').fill('Island weekend');
    await anna.page.getByRole('checkbox', { name: /Bea/ }).check();
    await anna.page.getByRole('checkbox', { name: /Carl/ }).check();
    await anna.page.getByRole('button', { name: 'Create group' }).click();
    await anna.page.locator('#head-title', { hasText: 'Island weekend' }).waitFor();
    await anna.say('Plan for Friday: meet at the pier, two cars, one tent each.');
    await bea.open('Island weekend');
    await carl.open('Island weekend');
    await subtitle(anna, '3 members, 2 others online');
    await bea.page.locator('#message').pressSequentially('I can take');
    await carl.page.locator('#message').pressSequentially('We need');
    await anna.page.locator('#typing', { hasText: /^(Bea and Carl|Carl and Bea) are typing…$/ }).waitFor();
    await picture(anna.page, 'typing-group');
    await picture(bea.page, 'typing-group-dark');
    await picture(carl.page, 'phone-typing');
    for (const { page } of [anna, bea, carl]) {
      assert.deepEqual(await page.evaluate(nameless), []);
      assert.deepEqual(await page.evaluate(faint), []);
      assert.equal(await page.evaluate(overflow), 0);
    }
    for (const person of [bea, carl]) await person.page.keyboard.press('Enter');
    await anna.bubble('We need').waitFor();
    await anna.bubble('I can take').waitFor();
  });

  test('unread: counted by the server, on every device; read on one, gone on the other', async () => {
    const second = await Person.logIn(browser, anna, { colorScheme: 'dark' });
    await anna.open('Carl Lund');
    await bea.say('Two people and the cool box.');
    await bea.say('And the guitar, of course.');
    for (const device of [anna, second]) {
      await device.row('Island weekend').locator('.badge', { hasText: /^2/ }).waitFor();
      await titled(device, '(2) Chat.Cells');
    }
    assert.match(await anna.row('Island weekend').textContent(), /, 2 unread messages/);
    await picture(anna.page, 'unread-two-devices');
    await picture(second.page, 'unread-two-devices-dark');
    await second.open('Island weekend');
    await anna.row('Island weekend').locator('.badge').waitFor({ state: 'hidden' });
    await titled(anna, 'Chat.Cells');
    await titled(second, 'Chat.Cells');

    // Also of what came while no device was there.
    await second.page.goto('about:blank');
    await anna.page.goto('about:blank');
    await carl.say('I have a second lantern.');
    await carl.progressed('second lantern', 'accepted');
    await anna.page.goBack();
    await anna.connected();
    await anna.row('Island weekend').locator('.badge', { hasText: /^1/ }).waitFor();
    await anna.open('Island weekend');
    await titled(anna, 'Chat.Cells');
    await second.context.close();
  });

  test('unread: more than 99', async () => {
    // The service lets nobody write that much in a minute: its frame is put in.
    await carl.page.routeWebSocket('**/v1/ws', socket => {
      const server = socket.connectToServer();
      server.onMessage(text => {
        const frame = JSON.parse(text);
        if (frame.type === 'unread') for (const channel of frame.payload.channels) Object.assign(channel, { count: 100, capped: true });
        socket.send(JSON.stringify(frame));
      });
    });
    await carl.page.goto('about:blank');
    await bea.say('Last call for the ferry tickets.');
    await carl.page.goBack();
    await carl.page.getByRole('button', { name: 'Back to the list' }).click();
    await carl.row('Island weekend').waitFor();
    await carl.page.locator('.badge', { hasText: '99+' }).first().waitFor();
    assert.match(await carl.page.locator('.has-unread').first().textContent(), /more than 99 unread messages/);
    await titled(carl, '(99+) Chat.Cells');
    await picture(carl.page, 'phone-unread');
    assert.equal(await carl.page.evaluate(overflow), 0);
  });

  test('nothing went wrong in any window', () => {
    for (const person of [anna, bea, carl]) assert.deepEqual(person.errors, []);
  });
});
