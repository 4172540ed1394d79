import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { faint, nameless, overflow } from './checks.js';
import { launch, PATIENCE, Person, picture, regions, skip } from './browser.js';

const run = Date.now().toString(36);

describe('messages edited and deleted', { skip, timeout: 400_000 }, () => {
  let browser;
  let anna;
  let bea;
  let carl;

  const edited = (person, text) => person.bubble(text).locator('.edited', { hasText: 'edited' }).waitFor();
  const preview = (person, title, text) => person.row(title).locator('.row-preview', { hasText: text }).waitFor();
  const focused = person => person.page.evaluate(() => document.activeElement.id || document.activeElement.getAttribute('aria-label'));
  const sound = async person => {
    assert.deepEqual(await person.page.evaluate(nameless), []);
    assert.deepEqual(await person.page.evaluate(faint), []);
    assert.equal(await person.page.evaluate(overflow), 0);
  };

  before(async () => {
    browser = await launch();
    const there = await regions();
    assert.ok(there.length >= 2, `two regions are needed; there are: ${there}`);
    [anna, bea, carl] = await Promise.all([
      Person.signUp(browser, { name: 'Anna Berg', handle: `anna-c${run}`, region: there[0] }),
      Person.signUp(browser, { name: 'Bea Ortiz', handle: `bea-c${run}`, region: there[1], colorScheme: 'dark' }),
      Person.signUp(browser, { name: 'Carl Lund', handle: `carl-c${run}`, region: there[0], viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true }),
    ]);
    await anna.addContact(bea.handle);
    await anna.addContact(carl.handle);
    await anna.openChatWith(bea.handle);
    await anna.say('The ferry leaves at 7:40 from pier 2.');
    await bea.open('Anna Berg');
    await anna.progressed('The ferry', 'read');
  });

  after(async () => {
    await browser?.close();
  });

  test('edit: seen by the other side across regions, in its place and marked; the list follows', async () => {
    await bea.say('See you there!');
    await anna.bubble('See you there!').waitFor();
    assert.equal(await anna.bubble('See you there!').locator('.more:visible').count(), 0, 'not what others wrote');
    await anna.act('The ferry', 'Edit');
    assert.equal(await anna.page.getByLabel('Edit message').inputValue(), 'The ferry leaves at 7:40 from pier 2.');
    await sound(anna);
    await picture(anna.page, 'editing');
    await anna.page.getByLabel('Edit message').fill('The ferry leaves at 8:10 from pier 3.');
    await anna.page.keyboard.press('Enter');
    for (const person of [anna, bea]) {
      await edited(person, 'at 8:10 from pier 3');
      assert.deepEqual(await person.texts(), ['The ferry leaves at 8:10 from pier 3.', 'See you there!']);
    }
    await anna.progressed('at 8:10', 'read');
    await bea.edit('See you there!', 'See you at pier 3!');
    await edited(anna, 'See you at pier 3!');
    for (const [person, title] of [[anna, 'Bea Ortiz'], [bea, 'Anna Berg']]) await preview(person, title, 'See you at pier 3!');
    await picture(bea.page, 'edited-dark');
  });

  test('keyboard: arrow up edits the last own message, Escape leaves it; the draft waits', async () => {
    const { page } = anna;
    await anna.say('Bring the mep.');
    await anna.progressed('Bring the mep.', 'read');
    await page.locator('#message').press('ArrowUp');
    await page.getByLabel('Edit message').fill('Never mind');
    await page.keyboard.press('Escape');
    assert.equal(await page.getByLabel('Message', { exact: true }).inputValue(), '');
    assert.equal(await focused(anna), 'message');
    await page.keyboard.press('ArrowUp');
    await page.getByLabel('Edit message').fill('Bring the map.');
    await page.keyboard.press('Enter');
    await edited(bea, 'Bring the map.');

    await page.locator('#message').fill('Half a thought');
    await page.keyboard.press('ArrowUp'); // moves in the text, as everywhere
    await page.keyboard.press('Shift+Tab');
    assert.match(await focused(anna), /^Actions for “Bring the map/);
    await page.keyboard.press('ArrowUp');
    assert.match(await focused(anna), /^Actions for “The ferry/);
    await page.keyboard.press('Enter');
    assert.equal(await focused(anna), 'menu-edit');
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => document.activeElement.getAttribute('aria-label')?.startsWith('Actions for “The ferry'));
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    assert.equal(await page.getByLabel('Edit message').inputValue(), 'The ferry leaves at 8:10 from pier 3.');
    await page.getByRole('button', { name: 'Stop editing' }).click();
    assert.equal(await page.locator('#message').inputValue(), 'Half a thought');
    await page.locator('#message').fill('');
  });

  test('delete: asked first, then gone for both, with a line in its place', async () => {
    await anna.say('My card number is 1234.');
    await bea.bubble('My card number').waitFor();
    await anna.act('My card number', 'Delete');
    await anna.page.getByRole('dialog', { name: 'Delete this message?' }).waitFor();
    await sound(anna);
    await picture(anna.page, 'delete-message');
    await anna.page.getByRole('button', { name: 'Cancel' }).click();
    await anna.bubble('My card number').waitFor();
    await anna.remove('My card number');
    for (const [person, title] of [[anna, 'Bea Ortiz'], [bea, 'Anna Berg']]) {
      await person.bubble('Message deleted').waitFor();
      assert.equal((await person.texts()).at(-1), 'Message deleted');
      assert.equal(await person.bubble('Message deleted').locator('.more:visible, .edited:visible').count(), 0);
      await preview(person, title, 'Message deleted');
      assert.ok(!(await person.page.content()).includes('1234'));
    }
    assert.equal(await focused(anna), 'message');
    await sound(bea);
    await picture(anna.page, 'deleted');
    await picture(bea.page, 'deleted-dark');
  });

  test('away: changes are caught up with, and unread counts stay as they are', async () => {
    await anna.say('One: bring towels.');
    await anna.say('Two: bring a kite.');
    await anna.progressed('Two: bring', 'read');
    await bea.page.goto('about:blank');
    await anna.edit('One: bring towels.', 'One: bring sun cream.');
    await anna.remove('Two: bring a kite.');
    await anna.bubble('sun cream').locator('.tick.is-read').waitFor();
    await anna.bubble('Message deleted').nth(1).waitFor();
    await bea.page.goBack();
    await bea.connected();
    await edited(bea, 'One: bring sun cream.');
    await bea.bubble('Message deleted').nth(1).waitFor();
    assert.deepEqual(await bea.texts(), await anna.texts());
    assert.equal(await bea.page.title(), 'Chat.Cells');
  });

  test('away oneself: an edit shows at once, survives a reload and goes out when the connection is back', async () => {
    await anna.page.route('**/v1/tickets', route => route.abort());
    await anna.page.reload();
    await anna.page.locator('#connection[data-state=waiting]').waitFor();
    await anna.edit('sun cream', 'One: bring two towels.');
    await anna.bubble('two towels').locator('.tick.is-sending').waitFor();
    await anna.page.reload();
    await anna.bubble('two towels').locator('.tick.is-sending').waitFor();
    await picture(anna.page, 'editing-away');
    await anna.page.unroute('**/v1/tickets');
    await anna.connected();
    await anna.progressed('two towels', 'read');
    await edited(bea, 'One: bring two towels.');
    assert.equal(await bea.bubble('sun cream').count(), 0);
  });

  test('a group on a phone: members change what is theirs, who runs it deletes anything', async () => {
    await anna.page.getByRole('button', { name: 'New group' }).click();
    await anna.page.getByLabel('Group name').fill('Island weekend');
    await anna.page.getByRole('checkbox', { name: /Bea/ }).check();
    await anna.page.getByRole('checkbox', { name: /Carl/ }).check();
    await anna.page.getByRole('button', { name: 'Create group' }).click();
    await anna.page.locator('#head-title', { hasText: 'Island weekend' }).waitFor();
    await anna.say('Who brings what?');
    await bea.open('Island weekend');
    await carl.open('Island weekend');
    await bea.say('BUY CHEAP WATCHES NOW');
    await carl.bubble('WATCHES').waitFor();
    await carl.say('I take the big tnet.');
    await anna.bubble('tnet').waitFor();
    for (const person of [bea, carl]) assert.equal(await person.page.locator('.more:visible').count(), 1, 'only the own message');
    await carl.act('tnet', 'Edit');
    await sound(carl);
    await picture(carl.page, 'phone-editing');
    await carl.page.getByLabel('Edit message').fill('I take the big tent.');
    await carl.page.getByRole('button', { name: 'Save', exact: true }).tap();
    for (const person of [anna, bea]) await edited(person, 'I take the big tent.');
    assert.equal(await anna.page.locator('.more:visible').count(), 3);
    await anna.bubble('WATCHES').hover();
    await anna.bubble('WATCHES').locator('.more').click();
    assert.deepEqual(await anna.page.locator('#message-menu button:visible').allTextContents(), ['Delete']);
    await picture(anna.page, 'admin-menu');
    await anna.page.keyboard.press('Escape');
    await anna.remove('WATCHES');
    for (const person of [anna, bea, carl]) {
      await person.bubble('Message deleted').waitFor();
      assert.equal(await person.bubble('WATCHES').count(), 0);
      await sound(person);
    }
    await picture(carl.page, 'phone-deleted');
    await picture(bea.page, 'group-deleted-dark');
  });

  test('another device gets it all from history', async () => {
    const second = await Person.logIn(browser, bea);
    await second.open('Anna Berg');
    await second.bubble('two towels').waitFor();
    await anna.open('Bea Ortiz');
    await second.page.waitForFunction(count => document.querySelectorAll('.message').length === count, await anna.page.locator('.message').count(), { timeout: PATIENCE });
    assert.deepEqual(await second.texts(), await anna.texts());
    await edited(second, 'Bring the map.');
    await second.open('Island weekend');
    await second.bubble('Message deleted').waitFor();
    await second.context.close();
  });

  test('writing to a contact: until that chat is made none is open, and nobody else gets what is typed', async () => {
    await anna.open('Bea Ortiz');
    let answer;
    const held = new Promise(resolve => {
      answer = resolve;
    });
    await anna.page.route('**/v1/channels', async route => {
      await held;
      await route.continue();
    });
    await anna.page.getByRole('tab', { name: 'Contacts' }).click();
    await anna.page.locator('#contact-list .row', { hasText: carl.handle }).click();
    await anna.page.locator('#message').waitFor({ state: 'hidden' });
    await anna.page.keyboard.type('For Carl only');
    answer();
    await anna.page.locator('#head-title', { hasText: 'Carl Lund' }).waitFor();
    await anna.page.unroute('**/v1/channels');
    await anna.say('Now it is for Carl.');
    await carl.page.getByRole('button', { name: 'Back to the list' }).click();
    await carl.open('Anna Berg');
    await carl.bubble('Now it is for Carl.').waitFor();
    await anna.page.locator('#contact-list .row', { hasText: bea.handle }).click();
    assert.equal(await anna.page.locator('#head-title').textContent(), 'Bea Ortiz', 'one that is known opens at once');
    assert.equal(await anna.page.locator('#message').inputValue(), '');
  });

  test('nothing went wrong in any window', () => {
    for (const person of [anna, bea, carl]) assert.deepEqual(person.errors, []);
  });
});
