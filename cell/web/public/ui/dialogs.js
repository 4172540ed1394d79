import { $, avatar, el, formError } from './dom.js';
import { explain, oneLine } from './format.js';
import { findPerson } from './lists.js';

/** Questions in front of the page. */
export class Dialogs {
  #chat;
  #people;
  #contacts;
  #opening;
  #action = null;

  /** @param {() => object[]} contacts; @param {import('./opening.js').Opening} opening */
  constructor(chat, people, contacts, opening) {
    this.#chat = chat;
    this.#people = people;
    this.#contacts = contacts;
    this.#opening = opening;
    $('dialog-cancel').addEventListener('click', () => $('dialog').close());
    $('dialog').addEventListener('close', () => $('dialog-body').replaceChildren());
    $('dialog').addEventListener('click', event => {
      if (event.target === $('dialog')) $('dialog').close(); // the backdrop
    });
    $('dialog-form').addEventListener('submit', event => {
      event.preventDefault();
      this.#submit();
    });
  }

  newChat() {
    const input = handleInput('Handle', 'bob@us-east');
    const body = [input.field, this.#contactButtons(contact => this.#run(() => this.#opening.direct(contact.userId)))];
    this.#ask('New chat', 'Start chat', body, async () => this.#opening.direct((await findPerson(this.#chat, input.value())).userId));
  }

  newGroup() {
    const name = textInput('Group name', 'Summer trip', '');
    const chooser = this.#chooser(new Set([this.#chat.me.userId]));
    this.#ask('New group', 'Create group', [name.field, ...chooser.fields], async () => {
      if (!name.value()) throw refusal('Give the group a name.');
      const members = await chooser.chosen();
      if (members.length === 0) throw refusal('Choose at least one person, or write a handle.');
      await this.#opening.made(() => this.#chat.createGroup(name.value(), members));
    });
  }

  addMembers(channel) {
    const chooser = this.#chooser(new Set(channel.members.map(member => member.userId)));
    this.#ask('Add people', 'Add', chooser.fields, async () => {
      const members = await chooser.chosen();
      if (members.length === 0) throw refusal('Choose at least one person, or write a handle.');
      for (const userId of members) await this.#chat.setMember(channel.channelId, userId);
    });
  }

  rename(channel) {
    const name = textInput('Group name', '', channel.name ?? '');
    this.#ask('Rename group', 'Rename', [name.field], async () => {
      if (!name.value()) throw refusal('Give the group a name.');
      await this.#chat.rename(channel.channelId, name.value());
    });
  }

  leave(channel) {
    const title = this.#people.title(channel);
    this.#ask(`Leave “${title}”?`, 'Leave group', [el('p', { text: 'You won’t get its messages any more. Somebody in it can add you again.' })],
      () => this.#chat.removeMember(channel.channelId, this.#chat.me.userId));
  }

  /** @param {() => void} done Called after a deletion, to put the focus where something is. */
  deleteMessage(message, done) {
    const body = [el('p', { class: 'quote', dir: 'auto', text: oneLine(message.content) }), el('p', { text: 'It goes away for everybody in this conversation. This can’t be undone.' })];
    this.#ask('Delete this message?', 'Delete', body, () => {
      this.#chat.deleteMessage(message.channelId, message.messageId);
      $('dialog').addEventListener('close', done, { once: true });
    }, { danger: true });
  }

  #contactButtons(choose) {
    const contacts = this.#contacts();
    if (contacts.length === 0) return null;
    return el('div', { class: 'choices' }, [
      el('p', { class: 'choices-title', text: 'Contacts' }),
      ...contacts.map(contact => el('button', { type: 'button', class: 'choice', onClick: () => choose(contact) }, face(contact))),
    ]);
  }

  // Contacts to tick, and handles to write.
  #chooser(without) {
    const boxes = this.#contacts().filter(contact => !without.has(contact.userId)).map(contact => {
      const box = el('input', { type: 'checkbox', value: contact.userId });
      return { box, label: el('label', { class: 'choice' }, [box, ...face(contact)]) };
    });
    const handles = handleInput(boxes.length ? 'Others, by handle' : 'Handles', 'bob@us-east, carol@eu-west');
    const fields = [
      boxes.length > 0 && el('fieldset', { class: 'choices' }, [el('legend', { class: 'choices-title', text: 'Contacts' }), ...boxes.map(({ label }) => label)]),
      handles.field,
    ].filter(Boolean);
    return {
      fields,
      chosen: async () => {
        const written = handles.value().split(/[\s,;]+/).filter(Boolean);
        const found = await Promise.all(written.map(handle => findPerson(this.#chat, handle)));
        return [...new Set([...boxes.filter(({ box }) => box.checked).map(({ box }) => box.value), ...found.map(user => user.userId)])].filter(userId => !without.has(userId));
      },
    };
  }

  #ask(title, ok, body, action, { danger = false } = {}) {
    this.#action = action;
    $('dialog-title').textContent = title;
    $('dialog-ok').textContent = ok;
    $('dialog-ok').classList.toggle('is-danger', danger);
    $('dialog-body').replaceChildren(...body.filter(Boolean));
    formError($('dialog-form'), null);
    $('dialog').showModal();
    $('dialog-body').querySelector('input:not([type=checkbox])')?.focus();
  }

  #submit() {
    return this.#run(this.#action);
  }

  async #run(action) {
    formError($('dialog-form'), null);
    $('dialog-ok').disabled = true;
    try {
      await action();
      $('dialog').close();
    } catch (error) {
      if (error.name !== 'ChatError') throw error;
      formError($('dialog-form'), explain(error));
    } finally {
      $('dialog-ok').disabled = false;
    }
  }
}

function face(contact) {
  return [avatar(contact.userId, contact.displayName, { small: true }), el('span', { class: 'choice-text' }, [el('span', { text: contact.displayName }), el('span', { class: 'muted', text: contact.handle ?? '' })])];
}

let inputs = 0;

function textInput(label, placeholder, value, more = {}) {
  const id = `dialog-input-${++inputs}`;
  const input = el('input', { id, placeholder, maxlength: 200, autocomplete: 'off', ...more });
  input.value = value;
  return { field: el('div', { class: 'field' }, [el('label', { for: id, text: label }), input]), value: () => input.value.trim() };
}

function handleInput(label, placeholder) {
  return textInput(label, placeholder, '', { autocapitalize: 'none', spellcheck: 'false', maxlength: 2000 });
}

function refusal(message) {
  return Object.assign(new Error(message), { name: 'ChatError', code: 'input' });
}
