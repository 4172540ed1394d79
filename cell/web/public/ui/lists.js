import { $, avatar, el, formError, icon, reconcile, setText, toast } from './dom.js';
import { count, DELETED, explain, listTime, typingText, unreadText } from './format.js';

const TICKS = { sending: 'Sending', failed: 'Not sent', accepted: 'Sent', delivered: 'Delivered', read: 'Read' };

/** The lists on the left: conversations and contacts. */
export class Lists {
  #chat;
  #people;
  #presence;
  #open;
  #opening;
  contacts = [];

  /** @param {(channelId: string) => void} open Shows a conversation; @param {import('./opening.js').Opening} opening Shows one that may have to be made. */
  constructor(chat, people, presence, open, opening) {
    this.#chat = chat;
    this.#people = people;
    this.#presence = presence;
    this.#open = open;
    this.#opening = opening;
    $('add-contact').addEventListener('submit', event => this.#addContact(event));
  }

  async loadContacts() {
    this.contacts = (await this.#chat.contacts()).sort((a, b) => a.displayName.localeCompare(b.displayName));
    this.renderContacts();
  }

  /** @param {string|null} openId The conversation that is shown. */
  renderChats(openId) {
    const channels = this.#chat.channels;
    reconcile($('chat-list'), channels, {
      key: channel => channel.channelId,
      create: channel => this.#chatRow(channel),
      update: (row, channel) => this.#updateChatRow(row, channel, channel.channelId === openId),
    });
    $('chat-list-empty').hidden = channels.length > 0;
  }

  renderContacts() {
    reconcile($('contact-list'), this.contacts, {
      key: contact => contact.userId,
      create: contact => this.#contactRow(contact),
      update: () => {},
    });
    $('contact-list-empty').hidden = this.contacts.length > 0;
  }

  #contactRow(contact) {
    const row = el('li', { class: 'contact' }, [
      el('button', { type: 'button', class: 'row', onClick: () => this.#write(contact) }, [
        el('span', { class: 'faced' }, [avatar(contact.userId, contact.displayName), this.#presence.dot(contact.userId)]),
        el('span', { class: 'row-text' }, [el('span', { class: 'row-title', text: contact.displayName }), el('span', { class: 'row-preview', text: contact.handle ?? contact.userId })]),
      ]),
      el('button', { type: 'button', class: 'icon-button', 'aria-label': `Remove ${contact.displayName} from contacts`, title: 'Remove', onClick: () => this.#remove(contact) }, [icon('close')]),
    ]);
    this.#presence.follow(row, contact.userId);
    return row;
  }

  #chatRow(channel) {
    return el('li', {}, [
      el('button', { type: 'button', class: 'row', onClick: () => this.#open(channel.channelId) }, [
        el('span', { class: 'faced' }, [avatar(this.#people.face(channel), this.#people.title(channel), { group: channel.type === 'group' })]),
        el('span', { class: 'row-text' }, [
          el('span', { class: 'row-line' }, [el('span', { class: 'row-title' }), el('time', { class: 'row-time' })]),
          el('span', { class: 'row-line' }, [el('span', { class: 'row-preview' }), el('span', { class: 'badge', hidden: true })]),
        ]),
      ]),
    ]);
  }

  #updateChatRow(row, channel, isOpen) {
    const title = this.#people.title(channel);
    const last = this.#chat.messages(channel.channelId).at(-1);
    const unread = this.#chat.unread(channel.channelId);
    const button = row.firstElementChild;
    if (isOpen) button.setAttribute('aria-current', 'true');
    else button.removeAttribute('aria-current');
    button.classList.toggle('has-unread', unread > 0);

    const face = row.querySelector('.avatar');
    if (face.dataset.face !== `${this.#people.face(channel)} ${title}`) {
      const fresh = avatar(this.#people.face(channel), title, { group: channel.type === 'group' });
      fresh.dataset.face = `${this.#people.face(channel)} ${title}`;
      face.replaceWith(fresh);
    }
    // The other one of a direct chat; known once the channel's members are.
    const person = channel.type === 'direct' && channel.members.length > 0 ? this.#people.other(channel) : undefined;
    if (person && !row.dataset.person) {
      row.querySelector('.faced').append(this.#presence.dot(person));
      this.#presence.follow(row, person);
    }
    setText(row.querySelector('.row-title'), title);
    setText(row.querySelector('time'), last ? listTime(last.time) : '');
    this.#preview(row.querySelector('.row-preview'), channel, last);

    const badge = row.querySelector('.badge');
    badge.hidden = unread === 0;
    const shown = unreadText(unread);
    if (badge.dataset.count !== shown) {
      badge.dataset.count = shown;
      badge.replaceChildren(...(unread === 0 ? [] : [el('span', { 'aria-hidden': 'true', text: shown }), el('span', { class: 'visually-hidden', text: unread > 99 ? ', more than 99 unread messages' : `, ${count(unread, 'unread message')}` })]));
    }
  }

  #preview(element, channel, last) {
    const typists = this.#chat.typists(channel.channelId);
    element.classList.toggle('is-typing', typists.length > 0);
    if (typists.length > 0) {
      element.dataset.state = 'typing';
      setText(element, channel.type === 'direct' ? 'typing…' : typingText(typists.map(userId => this.#people.firstName(userId))));
      return;
    }
    const mine = last && last.sender === this.#chat.me.userId;
    const who = !last ? '' : mine ? '' : channel.type === 'group' ? `${this.#people.name(last.sender)}: ` : '';
    const text = last ? who + (last.deleted ? DELETED : last.content.slice(0, 200)) : channel.type === 'group' ? count(channel.members.length, 'member') : 'No messages yet';
    const state = !mine || (last.deleted && !last.changing) ? '' : last.changing ? 'sending' : last.status;
    if (element.dataset.state !== state || element.dataset.text !== text) {
      element.dataset.state = state;
      element.dataset.text = text;
      element.replaceChildren(...(state ? [tick(state)] : []), text);
    }
  }

  async #write(contact) {
    try {
      await this.#opening.direct(contact.userId);
    } catch (error) {
      if (error.name !== 'ChatError') throw error;
      toast(explain(error));
    }
  }

  async #remove(contact) {
    try {
      await this.#chat.removeContact(contact.userId);
      await this.loadContacts();
      $('add-contact-handle').focus();
    } catch (error) {
      if (error.name !== 'ChatError') throw error;
      toast(explain(error));
    }
  }

  async #addContact(event) {
    event.preventDefault();
    const form = event.currentTarget;
    const input = $('add-contact-handle');
    formError(form, null);
    try {
      const user = await findPerson(this.#chat, input.value);
      await this.#chat.addContact(user.userId);
      input.value = '';
      await this.loadContacts();
    } catch (error) {
      if (error.name !== 'ChatError') throw error;
      formError(form, explain(error));
      input.focus();
    }
  }
}

/** Finds somebody by handle. @throws {ChatError} with a message that says what to do. */
export async function findPerson(chat, text) {
  const handle = text.trim().toLowerCase();
  const refuse = message => Object.assign(new Error(message), { name: 'ChatError', code: 'input' });
  if (!/^[^@\s]+@[^@\s]+$/.test(handle)) throw refuse('Write the whole handle, such as bob@us-east.');
  if (handle === chat.me.handle) throw refuse('That is your own handle.');
  try {
    return await chat.findHandle(handle);
  } catch (error) {
    if (error.status === 404 || error.status === 400) throw refuse(`Nobody has the handle ${handle}. Check its spelling and region.`);
    throw error;
  }
}

/** How far an own message has come, as a picture with words for those who can't see it. */
export function tick(status, words = TICKS[status]) {
  return el('span', { class: `tick is-${status}` }, [icon(status), el('span', { class: 'visually-hidden', text: words })]);
}
