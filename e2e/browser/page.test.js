import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { faint, nameless, overflow } from './checks.js';
import { launch, PATIENCE, Person, picture, regions, skip, URL_OF_ROUTER } from './browser.js';

const run = Date.now().toString(36);

describe('the page, two windows in two regions', { skip, timeout: 400_000 }, () => {
  let browser;
  let anna;
  let bob;
  let eva;

  before(async () => {
    browser = await launch();
    const deadline = Date.now() + PATIENCE;
    let there = await regions();
    while (there.length < 2 && Date.now() < deadline) {
      await new Promise(resolve => setTimeout(resolve, 500));
      there = await regions();
    }
    assert.ok(there.length >= 2, `two regions are needed; there are: ${there}`);
    [anna, bob, eva] = await Promise.all([
      Person.signUp(browser, { name: 'Anna Berg', handle: `anna-${run}`, region: there[0] }),
      Person.signUp(browser, { name: 'Bob Carter', handle: `bob-${run}`, region: there[1], colorScheme: 'dark' }),
      Person.signUp(browser, { name: 'Eva Lind', handle: `eva-${run}`, region: there[0], viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 }),
    ]);
  });

  after(async () => {
    await browser?.close();
  });

  test('sign-up page: names the cells, fits, reads well, refuses bad input in words', async () => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    await page.goto(URL_OF_ROUTER);
    await page.getByRole('radio', { name: anna.region }).waitFor();
    await page.locator('.welcome .health.is-up').first().waitFor();
    assert.deepEqual(await page.evaluate(nameless), []);
    await picture(page, 'welcome');
    const alert = page.locator('#form-signup .form-error');
    const submit = page.getByRole('button', { name: 'Create account' });
    await submit.click();
    assert.match(await alert.textContent(), /call you/);
    await page.getByLabel('Your name').fill('X');
    await page.locator('#signup-handle').fill('-no-');
    await submit.click();
    assert.match(await alert.textContent(), /2 to 31/);
    assert.equal(await page.locator('#signup-handle').getAttribute('aria-invalid'), 'true');
    await page.locator('#signup-handle').fill(`anna-${run}`);
    await page.locator('#signup-password').fill('short');
    await submit.click();
    assert.match(await alert.textContent(), /8 characters/);
    await page.locator('#signup-password').fill('long enough for this');
    await page.getByRole('radio', { name: anna.region }).check();
    await submit.click();
    await page.locator('#form-signup .form-error', { hasText: 'already' }).waitFor();

    await page.getByRole('tab', { name: 'Log in' }).click();
    await page.locator('#login-handle').fill(anna.handle);
    await page.locator('#login-password').fill('not the password');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.locator('#form-login .form-error', { hasText: 'wrong' }).waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    assert.equal(await page.evaluate(overflow), 0);
    await context.close();
  });

  test('nothing yet: says how to begin', async () => {
    await anna.page.getByText('No conversations yet').waitFor();
    await picture(anna.page, 'empty');
  });

  test('contacts: found by handle; a handle that nobody has is refused in words', async () => {
    await anna.addContact(bob.handle);
    await anna.addContact(eva.handle);
    await anna.page.getByLabel('Handle to add').fill(`nobody-${run}@${bob.region}`);
    await anna.page.getByRole('button', { name: 'Add', exact: true }).click();
    await anna.page.locator('#add-contact .form-error', { hasText: 'Nobody has the handle' }).waitFor();
    await picture(anna.page, 'contacts');
  });

  test('a direct chat across regions: both ways, with ticks and badges', async () => {
    await anna.openChatWith(bob.handle);
    await anna.say('Hi Bob! Are you coming to Lisbon in May?');
    // Bob has the page open, and not the conversation: delivered, unread.
    await bob.row('Anna Berg').locator('.badge', { hasText: '1' }).waitFor();
    await anna.progressed('Lisbon in May', 'delivered');
    assert.match(await bob.page.title(), /^\(1\)/);
    await picture(bob.page, 'unread');
    await bob.open('Anna Berg');
    await anna.progressed('Lisbon in May', 'read');
    await bob.row('Anna Berg').locator('.badge').waitFor({ state: 'hidden' });
    assert.equal(await bob.page.title(), 'Chat.Cells');

    await bob.say('Yes, booked the flights yesterday.');
    await bob.say('Landing on Thursday around noon. You?');
    await anna.bubble('Thursday').waitFor();
    await bob.progressed('Thursday', 'read');
    await anna.say('Same day, but only in the evening: the direct one was sold out, so I have to change planes in Madrid.');
    await bob.bubble('Madrid').waitFor();
    assert.deepEqual(await anna.texts(), await bob.texts());
    await picture(anna.page, 'direct');
  });

  test('a group in two regions: made, written to by all, counted as read', async () => {
    await anna.page.getByRole('button', { name: 'New group' }).click();
    await anna.page.getByLabel('Group name').fill('Lisbon in May');
    await anna.page.getByRole('checkbox', { name: /Bob/ }).check();
    await anna.page.getByRole('checkbox', { name: /Eva/ }).check();
    await picture(anna.page, 'new-group');
    await anna.page.getByRole('button', { name: 'Create group' }).click();
    await anna.page.locator('#head-title', { hasText: 'Lisbon in May' }).waitFor();
    await anna.say('So, all three of us! I found a flat near the river.');
    await bob.open('Lisbon in May');
    await anna.bubble('near the river').getByText('Read by 1').waitFor();
    await eva.open('Lisbon in May');
    await anna.bubble('near the river').getByText('Read by all').waitFor();
    await eva.say('Looks lovely. Two bedrooms?');
    await bob.bubble('bedrooms').waitFor();
    await bob.say('I am in.');
    for (const person of [anna, bob, eva]) await person.bubble('I am in.').waitFor();
    assert.deepEqual(await anna.texts(), await bob.texts());
    assert.deepEqual(await anna.texts(), await eva.texts());
    await picture(anna.page, 'group');
    await picture(bob.page, 'group-dark');
  });

  test('markup in a message is text', async () => {
    const text = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
    await anna.say(text);
    await bob.bubble('<img src=x').waitFor();
    assert.ok((await bob.texts()).includes(text));
    assert.equal(await bob.page.evaluate(() => window.pwned), undefined);
    assert.equal(await bob.page.locator('#messages img, #messages script').count(), 0);
  });

  test('a reload: same conversation, same messages, still connected', async () => {
    const seen = await bob.texts();
    await bob.page.reload();
    await bob.connected();
    await bob.page.locator('#head-title', { hasText: 'Lisbon in May' }).waitFor();
    await bob.bubble('I am in.').waitFor();
    assert.deepEqual(await bob.texts(), seen);
    await bob.say('Back after a reload.');
    await anna.bubble('Back after a reload.').waitFor();
    assert.equal(await anna.bubble('Back after a reload.').count(), 1);
  });

  test('history: the latest page first, older ones on scrolling up', async () => {
    await anna.open('Bob Carter');
    await bob.open('Anna Berg');
    for (let i = 1; i <= 24; i++) {
      await anna.say(`Anna counts ${i}`);
      await bob.say(`Bob counts ${i}`);
    }
    await anna.bubble('Bob counts 24').waitFor();
    await bob.bubble('Anna counts 24').waitFor();
    await anna.progressed(/^.*Anna counts 24/, 'read');
    await anna.page.reload();
    await anna.connected();
    await anna.bubble('Bob counts 24').waitFor();
    assert.equal(await anna.bubble('Are you coming').count(), 0);
    await anna.page.locator('#scroller').evaluate(scroller => {
      scroller.scrollTop = 0;
    });
    await anna.bubble('Are you coming').waitFor();
    await anna.page.getByText('This is where the conversation begins').waitFor();
    const texts = await anna.texts();
    assert.equal(new Set(texts).size, texts.length);
    assert.deepEqual(texts, await bob.texts());
    // Older messages are no news; a new one is.
    await anna.page.getByRole('button', { name: 'Latest messages' }).waitFor();
    await bob.say('One more');
    await anna.page.getByRole('button', { name: '1 new message' }).click();
    await bob.progressed('One more', 'read');
  });

  test('away: messages wait and go out when the connection is back', async () => {
    await anna.page.route('**/v1/tickets', route => route.abort());
    await anna.page.reload();
    await anna.page.locator('#connection[data-state=waiting]').waitFor();
    await anna.page.getByText(/Reconnecting in \d+ s/).waitFor();
    await anna.page.locator('#message').waitFor();
    await anna.say('Written while away.');
    await anna.progressed('Written while away.', 'sending');
    await picture(anna.page, 'reconnecting');
    await anna.page.reload();
    await anna.progressed('Written while away.', 'sending');
    await anna.page.getByRole('button', { name: 'Try now' }).waitFor();
    await anna.page.unroute('**/v1/tickets');
    // It may have tried by itself in this moment.
    await Promise.any([anna.page.getByRole('button', { name: 'Try now' }).click(), anna.connected()]);
    await anna.connected();
    await anna.progressed('Written while away.', 'read');
    assert.equal(await bob.bubble('Written while away.').count(), 1);
  });

  test('a phone: one thing at a time, nothing wider than the screen', async () => {
    await picture(eva.page, 'phone-group');
    for (const width of [390, 360]) {
      await eva.page.setViewportSize({ width, height: 740 });
      assert.equal(await eva.page.evaluate(overflow), 0);
      assert.ok(await eva.page.locator('#message').isVisible());
      assert.ok(!(await eva.page.locator('#chat-list').isVisible()));
      await eva.page.getByRole('button', { name: 'Details', exact: true }).click();
      assert.equal(await eva.page.evaluate(overflow), 0);
      if (width === 390) await picture(eva.page, 'phone-details');
      await eva.page.keyboard.press('Escape');
      await eva.page.getByRole('button', { name: 'Back to the list' }).click();
      await eva.row('Lisbon in May').waitFor();
      assert.ok(!(await eva.page.locator('#message').isVisible()));
      assert.equal(await eva.page.evaluate(overflow), 0);
      if (width === 390) await picture(eva.page, 'phone-list');
      await eva.page.getByRole('tab', { name: 'Cells' }).click();
      await eva.page.locator('#panel-cells').getByText('my home').waitFor();
      assert.equal(await eva.page.evaluate(overflow), 0);
      await eva.page.getByRole('tab', { name: 'Chats' }).click();
      await eva.open('Lisbon in May');
    }
    await eva.page.goBack();
    await eva.row('Lisbon in May').waitFor();
  });

  test('keyboard: everything can be reached and left without a mouse', async () => {
    const { page } = bob;
    await page.reload();
    await bob.connected();
    await page.locator('#message').waitFor();
    await page.locator('body').press('Tab');
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
    await page.locator('.skip').focus();
    await page.keyboard.press('Enter');
    assert.equal(await focused(), 'message');
    await page.keyboard.type('With the keyboard');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('in two lines');
    await page.keyboard.press('Enter');
    await anna.bubble('in two lines').waitFor();
    await page.getByRole('tab', { name: 'Chats' }).focus();
    await page.keyboard.press('ArrowRight');
    assert.equal(await focused(), 'tab-contacts');
    assert.equal(await page.getByRole('tab', { name: 'Contacts' }).getAttribute('aria-selected'), 'true');
    await page.keyboard.press('ArrowLeft');
    await page.getByRole('button', { name: 'New chat' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'New chat' }).waitFor();
    assert.match(await focused(), /^dialog-input/);
    await page.keyboard.type('nonsense');
    await page.keyboard.press('Enter');
    await page.locator('#dialog .form-error', { hasText: 'whole handle' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    assert.equal(await focused(), 'new-chat');
    await bob.row('Lisbon in May').focus();
    await page.keyboard.press('Enter');
    await page.locator('#head-title', { hasText: 'Lisbon in May' }).waitFor();
    assert.equal(await focused(), 'message');
  });

  test('everything has a name, and text can be read, in light and dark', async () => {
    for (const person of [anna, bob]) {
      await person.open('Lisbon in May');
      assert.deepEqual(await person.page.evaluate(nameless), []);
      assert.deepEqual(await person.page.evaluate(faint), []);
    }
    assert.equal(await anna.page.locator('#messages').getAttribute('role'), 'log');
    assert.ok((await anna.bubble('near the river').locator('.tick').textContent()).length > 0);
  });

  test('log out and in again: the conversations are there', async () => {
    await bob.page.getByRole('button', { name: 'Log out' }).click();
    await bob.page.getByRole('tab', { name: 'Log in' }).waitFor();
    assert.equal(await bob.page.locator('#login-handle').inputValue(), bob.handle);
    await bob.page.locator('#login-password').fill('correct horse battery');
    await bob.page.getByRole('button', { name: 'Log in' }).click();
    await bob.connected();
    await bob.open('Anna Berg');
    await bob.bubble('Written while away.').waitFor();
  });

  test('the page itself made no errors', () => {
    for (const person of [anna, bob, eva]) assert.deepEqual(person.errors, []);
  });
});
