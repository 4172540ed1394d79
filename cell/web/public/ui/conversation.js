import { MessageActions } from './actions.js';
import { Composer } from './composer.js';
import { $, avatar, el, icon, reconcile, setText } from './dom.js';
import { count, dayName, DELETED, explain, fullTime, sameDay, timeOfDay, typingText } from './format.js';
import { tick } from './lists.js';

const GROUP_WITHIN_MS = 5 * 60_000;
const NEAR_BOTTOM = 80;
const NEAR_TOP = 240;

/** The conversation in the middle: messages, history on scrolling up. */
export class Conversation {
  #chat;
  #people;
  #presence;
  #channelId = null;
  #composer;
  #actions;
  #atBottom = true;
  #loading = false;
  #seenKey = null; // the last message when the end was last in view
  #onClose;

  constructor(chat, people, presence, dialogs, onClose) {
    this.#chat = chat;
    this.#people = people;
    this.#presence = presence;
    this.#onClose = onClose;
    this.#composer = new Composer(chat, () => {
      this.#atBottom = true;
    });
    this.#actions = new MessageActions(chat, {
      edit: message => this.#composer.edit(message),
      remove: message => dialogs.deleteMessage(message, () => this.#composer.focus()),
    });
    $('back').append(icon('back'));
    $('back').addEventListener('click', () => onClose());
    $('scroller').addEventListener('scroll', () => this.#scrolled(), { passive: true });
    $('to-latest').addEventListener('click', () => this.#toLatest());
    for (const type of ['visibilitychange', 'focus']) window.addEventListener(type, () => this.#read(), true);
    new ResizeObserver(() => {
      if (this.#atBottom) this.#scrollDown();
    }).observe($('scroller'));
  }

  get channelId() {
    return this.#channelId;
  }

  /** Shows a conversation; null shows none. */
  open(channelId, { focus = true } = {}) {
    this.#composer.open(channelId);
    const changed = this.#channelId !== channelId;
    this.#channelId = channelId;
    $('open-conversation').hidden = !channelId;
    $('no-conversation').hidden = Boolean(channelId);
    $('chat').classList.toggle('is-open', Boolean(channelId));
    if (!channelId) {
      this.#presence.open([]);
      return;
    }
    if (changed) {
      $('messages').replaceChildren();
      this.#atBottom = true;
      this.#seenKey = null;
    }
    this.render();
    this.#scrollDown();
    this.#loadIfEmpty();
    if (focus) this.#composer.focus();
  }

  /** Another user begins: what the one before was writing is nobody else's. */
  forget() {
    this.open(null);
    this.#composer.forget();
  }

  render() {
    const channel = this.#chat.channel(this.#channelId);
    if (!channel) {
      if (this.#channelId) this.#onClose();
      return;
    }
    this.#head(channel);
    setText($('typing'), typingText(this.#chat.typists(channel.channelId).map(userId => this.#people.firstName(userId))));
    const list = $('messages');
    const messages = this.#chat.messages(channel.channelId);
    const scroller = $('scroller');
    const fromBottom = scroller.scrollHeight - scroller.scrollTop;
    // What was there before is not news to a screen reader.
    list.setAttribute('aria-busy', String(list.childElementCount === 0 || this.#loading));
    const direct = channel.type === 'direct';
    const manages = this.#people.manages(channel);
    reconcile(list, messages, {
      key: message => message.requestId ?? message.messageId,
      create: message => this.#bubble(message),
      update: (item, message, index) => {
        this.#update(item, message, messages[index - 1], messages[index + 1], direct);
        this.#actions.update(item.querySelector('.more'), message, manages);
      },
    });
    this.#actions.rove();
    this.#composer.render(messages);
    list.setAttribute('aria-busy', 'false');
    setText($('history-state'), this.#loading ? 'Loading earlier messages …' : channel.history.done || !channel.history.started ? this.#beginning(channel, messages) : '');
    if (this.#atBottom) this.#scrollDown();
    else scroller.scrollTop = scroller.scrollHeight - fromBottom;
    this.#latestButton();
    this.#read();
  }

  #head(channel) {
    const title = this.#people.title(channel);
    const other = this.#people.other(channel);
    const others = channel.members.map(member => member.userId).filter(userId => userId !== this.#chat.me.userId);
    this.#presence.open(others);
    setText($('head-title'), title);
    const online = this.#presence.online(others);
    setText($('head-subtitle'), channel.type === 'direct'
      ? [this.#presence.words(other), this.#people.handle(other), `home ${this.#people.homeOf(other)}`].filter(Boolean).join(' · ')
      : `${count(channel.members.length, 'member')}${online > 0 ? `, ${online} other${online > 1 ? 's' : ''} online` : ''} · home ${channel.home}`);
    const face = `${this.#people.face(channel)} ${title} ${channel.members.length > 0}`;
    if ($('head-avatar').dataset.face === face) return;
    $('head-avatar').dataset.face = face;
    $('head-avatar').replaceChildren(el('span', { class: 'faced' }, [
      avatar(this.#people.face(channel), title, { group: channel.type === 'group' }),
      channel.type === 'direct' && channel.members.length > 0 && this.#presence.dot(other, { words: false }),
    ]));
  }

  #beginning(channel, messages) {
    if (!channel.history.done) return '';
    if (messages.length > 0) return 'This is where the conversation begins';
    return channel.type === 'direct' ? `No messages yet. Say hello to ${this.#people.title(channel)}.` : 'No messages yet. Say hello to the group.';
  }

  #bubble(message) {
    const mine = message.sender === this.#chat.me.userId;
    return el('li', { class: `message ${mine ? 'is-mine' : 'is-theirs'}` }, [
      el('div', { class: 'day', hidden: true }),
      el('div', { class: 'line' }, [
        !mine && el('span', { class: 'face' }),
        el('div', { class: 'bubble' }, [
          el('span', { class: 'sender' }),
          el('p', { class: 'text', dir: 'auto' }),
          el('span', { class: 'meta' }, [el('span', { class: 'read-by' }), el('span', { class: 'edited' }), el('time'), el('span', { class: 'progress' })]),
        ]),
        this.#actions.create(),
      ]),
      el('div', { class: 'failure', hidden: true }),
    ]);
  }

  #update(item, message, previous, next, direct) {
    const newDay = !previous || !sameDay(previous.time, message.time);
    const starts = newDay || !follows(previous, message);
    const ends = !next || !sameDay(message.time, next.time) || !follows(message, next);
    item.classList.toggle('starts', starts);
    item.classList.toggle('ends', ends);
    const day = item.querySelector('.day');
    day.hidden = !newDay;
    setText(day, newDay ? dayName(message.time) : '');
    const mine = message.sender === this.#chat.me.userId;
    const name = mine ? 'You' : this.#people.name(message.sender);
    const sender = item.querySelector('.sender');
    setText(sender, name);
    sender.classList.toggle('visually-hidden', mine || direct || !starts);
    if (message.messageId) item.dataset.messageId = message.messageId;
    item.classList.toggle('is-deleted', Boolean(message.deleted));
    setText(item.querySelector('.text'), message.deleted ? DELETED : message.content);
    setText(item.querySelector('.edited'), message.edited ? 'edited' : '');
    const time = item.querySelector('time');
    setText(time, timeOfDay(message.time));
    time.title = fullTime(message.time);
    if (!mine) {
      const face = item.querySelector('.face');
      const shown = ends && !direct ? name : '';
      if (face.dataset.shown !== shown) {
        face.dataset.shown = shown;
        face.replaceChildren(...(shown ? [avatar(message.sender, name, { small: true })] : []));
      }
      face.hidden = direct;
      return;
    }
    this.#progress(item, message, direct, !next);
  }

  #progress(item, message, direct, last) {
    const gone = message.deleted && !message.changing;
    const state = `${message.changing ?? message.status} ${message.readBy ?? 0} ${message.others ?? 0} ${last} ${gone}`;
    if (item.dataset.state === state) return;
    item.dataset.state = state;
    const readBy = !direct && !message.deleted && message.readBy > 0 ? (message.readBy === message.others ? 'Read by all' : `Read by ${message.readBy}`) : '';
    setText(item.querySelector('.read-by'), readBy);
    item.querySelector('.progress').replaceChildren(...(gone ? [] : [message.changing ? tick('sending', 'Saving') : tick(message.status)]));
    const failure = item.querySelector('.failure');
    failure.hidden = message.status !== 'failed';
    if (message.status !== 'failed') return;
    failure.replaceChildren(
      el('span', { text: `Not sent. ${explain(message.error)}` }),
      el('button', { type: 'button', class: 'link', text: 'Send again', onClick: () => this.#chat.sendAgain(message.requestId) }),
      el('button', { type: 'button', class: 'link', text: 'Delete', onClick: () => this.#chat.discard(message.requestId) }),
    );
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = $('scroller');
    this.#atBottom = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM;
    if (this.#atBottom) {
      this.#latestButton();
      this.#read();
    }
    if (scrollTop < NEAR_TOP) this.#loadEarlier();
  }

  #latestButton() {
    const button = $('to-latest');
    const shown = [...$('messages').children];
    if (this.#atBottom) this.#seenKey = shown.at(-1)?.dataset.key ?? null;
    button.hidden = this.#atBottom || $('open-conversation').hidden;
    const seen = shown.findLastIndex(item => item.dataset.key === this.#seenKey);
    const fresh = seen < 0 ? 0 : shown.length - 1 - seen;
    if (button.hidden || button.dataset.fresh === String(fresh)) return;
    button.dataset.fresh = String(fresh);
    button.replaceChildren(icon('down'), el('span', { text: fresh > 0 ? count(fresh, 'new message') : 'Latest messages' }));
  }

  #toLatest() {
    this.#atBottom = true;
    this.#scrollDown();
    this.#latestButton();
    $('message').focus({ preventScroll: true });
  }

  #scrollDown() {
    const scroller = $('scroller');
    scroller.scrollTop = scroller.scrollHeight;
  }

  #loadIfEmpty() {
    if (!this.#chat.channel(this.#channelId)?.history.started) this.#loadEarlier();
  }

  async #loadEarlier() {
    const channelId = this.#channelId;
    const channel = this.#chat.channel(channelId);
    if (this.#loading || !channel || channel.history.done) return;
    this.#loading = true;
    this.render();
    try {
      await this.#chat.loadHistory(channelId);
    } catch (error) {
      if (error.name !== 'ChatError') throw error;
      this.#composer.note(`Earlier messages could not be loaded. ${explain(error)}`);
    } finally {
      this.#loading = false;
      if (channelId === this.#channelId) this.render();
    }
  }

  // Seen means: shown, at the bottom, in a window that somebody looks at.
  #read() {
    if (this.#channelId && this.#atBottom && document.visibilityState === 'visible' && document.hasFocus()) this.#chat.markRead(this.#channelId);
  }
}

function follows(previous, message) {
  return previous.sender === message.sender && message.time - previous.time < GROUP_WITHIN_MS;
}
