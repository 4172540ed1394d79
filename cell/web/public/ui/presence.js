import { el } from './dom.js';
import { lastSeen } from './format.js';

const WORDS = { online: 'Online', away: 'Away' };

/**
 * Who is there: a dot with words for those who can't see it, and a line for the head of a conversation. The service is asked about the people on the screen and nobody
 * else: the open conversation's first, then those whose rows are in sight; about nobody while the page is hidden.
 */
export class PresenceView {
  #chat;
  #inSight = new Map(); // element of a row -> user id
  #open = [];
  #observer;

  constructor(chat) {
    this.#chat = chat;
    this.#observer = new IntersectionObserver(entries => this.#seen(entries));
    chat.addEventListener('presence', ({ detail }) => detail.userIds.forEach(userId => this.#paint(userId)));
    document.addEventListener('visibilitychange', () => {
      chat.setAway(document.hidden);
      this.#watch();
    });
    chat.setAway(document.hidden);
  }

  /** A dot for a picture of somebody; it follows by itself. Without words where they stand beside it. */
  dot(userId, { words = true } = {}) {
    const dot = el('span', { class: 'presence', 'data-presence': userId }, [words && el('span', { class: 'visually-hidden' })]);
    this.#paintOne(dot);
    return dot;
  }

  /** Follows the person whose row this is for as long as the row is in sight. */
  follow(row, userId) {
    row.dataset.person = userId;
    this.#observer.observe(row);
  }

  /** The people of the conversation that is open. */
  open(userIds) {
    this.#open = userIds;
    this.#watch();
  }

  /** "Online", "Away", "Last seen today at 14:05", or nothing while it isn't known. */
  words(userId) {
    const known = this.#chat.presence(userId);
    if (!known) return '';
    if (WORDS[known.status]) return WORDS[known.status];
    return known.lastActiveAt ? lastSeen(known.lastActiveAt) : 'Offline';
  }

  /** How many of these are online. */
  online(userIds) {
    return userIds.filter(userId => this.#chat.presence(userId)?.status === 'online').length;
  }

  #paint(userId) {
    for (const dot of document.querySelectorAll(`[data-presence="${CSS.escape(userId)}"]`)) this.#paintOne(dot);
  }

  #paintOne(dot) {
    const word = WORDS[this.#chat.presence(dot.dataset.presence)?.status] ?? '';
    if (dot.dataset.status === word) return;
    dot.dataset.status = word;
    dot.title = word;
    if (dot.firstElementChild) dot.firstElementChild.textContent = word && `${word}, `;
  }

  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#inSight.set(target, target.dataset.person);
      else this.#inSight.delete(target);
      if (!target.isConnected) this.#observer.unobserve(target);
    }
    this.#watch();
  }

  #watch() {
    this.#chat.watchPresence(document.hidden ? [] : [...this.#open, ...this.#inSight.values()]);
  }
}
