import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const URL_OF_ROUTER = process.env.CHATCELLS_URL;
const CHROMIUM = process.env.CHATCELLS_CHROMIUM ?? '/usr/bin/chromium';
const ARTIFACTS = fileURLToPath(new URL('../../artifacts/', import.meta.url));

/** Why the tests can't run here; false when they can. */
export const skip = !URL_OF_ROUTER ? 'CHATCELLS_URL is not set: the address of a running router' : !existsSync(CHROMIUM) ? `there is no ${CHROMIUM}` : false;

// Generous: the machine may be doing other things.
export const PATIENCE = 60_000;

export function launch() {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** A picture of the page in artifacts/. */
export async function picture(page, name) {
  mkdirSync(ARTIFACTS, { recursive: true });
  await page.screenshot({ path: join(ARTIFACTS, `page-${name}.png`) });
}

export async function regions() {
  const table = await (await fetch(new URL('/v1/cells', URL_OF_ROUTER))).json();
  return [...new Set(table.cells.filter(cell => cell.healthy && cell.state === 'Active').map(cell => cell.region))].sort();
}

/** A person with a browser window of their own. */
export class Person {
  errors = [];

  static async signUp(browser, { name, handle, region, ...context }) {
    const person = new Person();
    person.name = name;
    person.region = region;
    person.handle = `${handle}@${region}`;
    await person.#openPage(browser, context);
    const { page } = person;
    await page.getByRole('radio', { name: region }).check();
    await page.getByLabel('Your name').fill(name);
    await page.locator('#signup-handle').fill(handle);
    await page.locator('#signup-password').fill('correct horse battery');
    await page.getByRole('button', { name: 'Create account' }).click();
    await person.connected();
    return person;
  }

  /** Another window of the same person, a device of its own. */
  static async logIn(browser, person, context = {}) {
    const other = new Person();
    Object.assign(other, { name: person.name, region: person.region, handle: person.handle });
    await other.#openPage(browser, context);
    const { page } = other;
    await page.getByRole('tab', { name: 'Log in' }).click();
    await page.locator('#login-handle').fill(person.handle);
    await page.locator('#login-password').fill('correct horse battery');
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
    await other.connected();
    return other;
  }

  async #openPage(browser, context) {
    this.context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', ...context });
    this.page = await this.context.newPage();
    const { page } = this;
    page.setDefaultTimeout(PATIENCE);
    page.on('pageerror', error => this.errors.push(String(error)));
    page.on('console', message => {
      // The network's failures are part of life; the page's own errors are not.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource') && !message.text().includes('WebSocket connection to')) this.errors.push(message.text());
    });
    await page.goto(URL_OF_ROUTER);
  }

  /** Puts the window behind others, as far as its page can tell; or in front again. */
  async hide(hidden = true) {
    await this.page.evaluate(value => {
      for (const [name, is] of [['hidden', value], ['visibilityState', value ? 'hidden' : 'visible']]) Object.defineProperty(document, name, { configurable: true, get: () => is });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
  }

  connected() {
    return this.page.locator('#connection[data-state=connected]').waitFor();
  }

  async addContact(handle) {
    await this.page.getByRole('tab', { name: 'Contacts' }).click();
    await this.page.getByLabel('Handle to add').fill(handle);
    await this.page.getByRole('button', { name: 'Add', exact: true }).click();
    await this.page.locator('#contact-list').getByText(handle).waitFor();
  }

  async openChatWith(handle) {
    await this.page.getByRole('tab', { name: 'Contacts' }).click();
    const contact = this.page.locator('#contact-list .row', { hasText: handle });
    const name = await contact.locator('.row-title').textContent();
    await contact.click();
    // By its name: until the chat is made none is open.
    await this.page.locator('#head-title', { hasText: name }).waitFor();
    await this.page.getByRole('tab', { name: 'Chats' }).click();
  }

  row(title) {
    return this.page.locator('#chat-list .row').filter({ has: this.page.locator('.row-title', { hasText: title }) });
  }

  async open(title) {
    await this.row(title).click();
    await this.page.locator('#head-title', { hasText: title }).waitFor();
  }

  async say(text) {
    await this.page.locator('#message').fill(text);
    await this.page.getByRole('button', { name: 'Send', exact: true }).click();
  }

  bubble(text) {
    return this.page.locator('.message', { hasText: text });
  }

  /** Opens a message's menu and chooses from it; with a finger where there is no mouse. */
  async act(text, action) {
    const button = this.bubble(text).getByRole('button', { name: /^Actions for/ });
    if (await this.page.evaluate(() => matchMedia('(hover: none)').matches)) await button.tap();
    else {
      await this.bubble(text).hover();
      await button.click();
    }
    await this.page.getByRole('menuitem', { name: action }).click();
  }

  async edit(text, instead) {
    await this.act(text, 'Edit');
    await this.page.getByLabel('Edit message').fill(instead);
    await this.page.getByRole('button', { name: 'Save', exact: true }).click();
  }

  async remove(text) {
    await this.act(text, 'Delete');
    const dialog = this.page.getByRole('dialog', { name: 'Delete this message?' });
    await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
    await dialog.waitFor({ state: 'hidden' });
  }

  /** The message once it has come as far as this. */
  progressed(text, status) {
    return this.bubble(text).locator(`.tick.is-${status}`).waitFor();
  }

  texts() {
    return this.page.locator('.message .text').allTextContents();
  }
}
