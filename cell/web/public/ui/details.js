import { $, avatar, el, icon, toast } from './dom.js';
import { explain } from './format.js';

/** The panel on the right: who is in the conversation, and what can be done with it. */
export class Details {
  #chat;
  #people;
  #presence;
  #dialogs;
  #wide = matchMedia('(min-width: 1180px)');
  #shown = null; // what the panel shows, to leave it alone when nothing changed

  constructor(chat, people, presence, dialogs) {
    this.#chat = chat;
    this.#people = people;
    this.#presence = presence;
    this.#dialogs = dialogs;
    $('toggle-details').append(icon('info'));
    $('close-details').append(icon('close'));
    $('toggle-details').addEventListener('click', () => this.#show($('details').hidden));
    $('close-details').addEventListener('click', () => {
      this.#show(false);
      $('toggle-details').focus();
    });
    $('details').addEventListener('keydown', event => {
      if (event.key === 'Escape' && !this.#wide.matches) $('close-details').click();
    });
    this.#wide.addEventListener('change', () => this.#show(this.#wide.matches));
    this.#show(this.#wide.matches);
  }

  /** On a small screen a conversation opens without its details. */
  fold() {
    if (!this.#wide.matches) this.#show(false);
  }

  render(channelId) {
    const channel = this.#chat.channel(channelId);
    const state = channel ? JSON.stringify([channelId, channel.version, channel.members.map(m => [m.userId, m.role, this.#people.name(m.userId)])]) : '';
    if (this.#shown === state) return;
    this.#shown = state;
    $('details-body').replaceChildren(...(channel ? this.#contents(channel) : [el('p', { class: 'muted', text: 'Open a conversation to see who is in it.' })]));
  }

  #show(visible) {
    $('details').hidden = !visible;
    $('toggle-details').setAttribute('aria-expanded', String(visible));
    $('chat').classList.toggle('has-details', visible);
    if (visible && !this.#wide.matches) $('close-details').focus();
  }

  #contents(channel) {
    const myId = this.#chat.me.userId;
    const manages = this.#people.manages(channel);
    const title = this.#people.title(channel);
    return [
      el('div', { class: 'details-title' }, [avatar(this.#people.face(channel), title, { group: channel.type === 'group' }), el('h3', { text: title })]),
      el('ul', { class: 'members', 'aria-label': 'Members' }, channel.members.map(member => this.#member(channel, member, manages && member.userId !== myId && member.role !== 'owner'))),
      channel.type === 'group' && el('div', { class: 'details-actions' }, [
        manages && el('button', { type: 'button', class: 'secondary', text: 'Add people', onClick: () => this.#dialogs.addMembers(channel) }),
        manages && el('button', { type: 'button', class: 'secondary', text: 'Rename', onClick: () => this.#dialogs.rename(channel) }),
        el('button', { type: 'button', class: 'secondary is-danger', text: 'Leave group', onClick: () => this.#dialogs.leave(channel) }),
      ]),
    ].filter(Boolean);
  }

  #member(channel, member, removable) {
    const name = this.#people.name(member.userId);
    const me = member.userId === this.#chat.me.userId;
    return el('li', { class: 'member' }, [
      el('span', { class: 'faced is-small' }, [avatar(member.userId, name, { small: true }), !me && this.#presence.dot(member.userId)]),
      el('span', { class: 'member-text' }, [
        el('span', { class: 'member-name' }, [me ? `${name} (you)` : name, channel.type === 'group' && member.role !== 'member' && el('span', { class: 'tag', text: member.role })]),
        el('span', { class: 'muted', text: `${this.#people.handle(member.userId)} · ${this.#people.homeOf(member.userId)}` }),
      ]),
      removable && el('button', { type: 'button', class: 'icon-button', 'aria-label': `Remove ${name} from the group`, title: 'Remove', onClick: () => this.#remove(channel, member.userId, name) }, [icon('close')]),
    ]);
  }

  async #remove(channel, userId, name) {
    try {
      await this.#chat.removeMember(channel.channelId, userId);
    } catch (error) {
      if (error.name !== 'ChatError') throw error;
      toast(`${name} is still in the group. ${explain(error)}`);
    }
  }
}
