import { isEditable } from './composer.js';
import { $, el, icon } from './dom.js';
import { oneLine } from './format.js';

/** What can be done with a message: a button beside each, and the menu that it opens. */
export class MessageActions {
  #chat;
  #messages = new WeakMap(); // button -> its message
  #button = null; // whose menu is open

  /** @param {(message: object) => void} edit; @param {(message: object) => void} remove */
  constructor(chat, { edit, remove }) {
    this.#chat = chat;
    const menu = $('message-menu');
    for (const [id, picture, action] of [['menu-edit', 'edit', edit], ['menu-delete', 'trash', remove]]) {
      $(id).prepend(icon(picture));
      $(id).addEventListener('click', () => {
        const message = this.#messages.get(this.#button);
        this.#hide();
        action(message);
      });
    }
    menu.addEventListener('keydown', event => this.#moved(event, [...menu.querySelectorAll('button:not([hidden])')]));
    menu.addEventListener('toggle', event => {
      if (event.newState === 'closed') this.#closed();
    });
    $('messages').addEventListener('keydown', event => {
      if (event.target.classList.contains('more')) this.#moved(event, this.#buttons());
    });
    window.addEventListener('resize', () => this.#hide());
    $('scroller').addEventListener('scroll', () => this.#hide(), { passive: true });
  }

  create() {
    const button = el('button', { type: 'button', class: 'icon-button more', title: 'Actions', 'aria-haspopup': 'menu', 'aria-expanded': 'false' }, [icon('more')]);
    button.addEventListener('click', () => this.#open(button));
    return button;
  }

  /** @param {boolean} manages Whether the user may delete what others wrote here. */
  update(button, message, manages) {
    this.#messages.set(button, message);
    const can = this.#can(message, manages);
    button.hidden = !can.edit && !can.delete;
    if (button.hidden && button === this.#button) this.#hide();
    const name = `Actions for “${oneLine(message.content)}”`; // of a deleted one too, so that what it said does not stay in the page
    if (button.getAttribute('aria-label') !== name) button.setAttribute('aria-label', name);
  }

  /** One stop for the Tab key, at the last message; the arrow keys go on from there. */
  rove() {
    const buttons = this.#buttons();
    const stop = buttons.includes(document.activeElement) ? document.activeElement : buttons.at(-1);
    for (const button of buttons) button.tabIndex = button === stop ? 0 : -1;
  }

  #can(message, manages) {
    const myId = this.#chat.me.userId;
    return { edit: isEditable(message, myId), delete: Boolean(message.messageId) && !message.deleted && (manages || message.sender === myId) };
  }

  #buttons() {
    return [...$('messages').querySelectorAll('.more:not([hidden])')];
  }

  #open(button) {
    const menu = $('message-menu');
    const message = this.#messages.get(button);
    $('menu-edit').hidden = !isEditable(message, this.#chat.me.userId);
    this.#button?.setAttribute('aria-expanded', 'false');
    this.#button = button;
    button.setAttribute('aria-expanded', 'true');
    menu.showPopover();
    const at = button.getBoundingClientRect();
    const below = at.bottom + 4 + menu.offsetHeight <= innerHeight - 8;
    const left = message.sender === this.#chat.me.userId ? at.right - menu.offsetWidth : at.left;
    menu.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - 4 - menu.offsetHeight)}px`;
    menu.style.left = `${Math.max(8, Math.min(left, innerWidth - menu.offsetWidth - 8))}px`;
    menu.querySelector('button:not([hidden])').focus();
  }

  #hide() {
    if ($('message-menu').matches(':popover-open')) $('message-menu').hidePopover();
  }

  #closed() {
    this.#button?.setAttribute('aria-expanded', 'false');
    const lost = document.activeElement === document.body || $('message-menu').contains(document.activeElement);
    if (lost) (this.#button?.hidden ? $('scroller') : this.#button)?.focus({ preventScroll: true });
    this.#button = null;
  }

  #moved(event, buttons) {
    const index = buttons.indexOf(document.activeElement);
    const next = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (event.key === 'Tab' && event.currentTarget === $('message-menu')) this.#hide();
    if (index < 0 || next === undefined) return;
    event.preventDefault();
    const to = buttons[Math.max(0, Math.min(next, buttons.length - 1))];
    to.focus();
    if (to.classList.contains('more')) this.rove();
  }
}
