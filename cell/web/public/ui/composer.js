import { $, icon, setText } from './dom.js';
import { explain, oneLine } from './format.js';

const NOTE_FROM = 90_000;
const MOST = 100_000;

/** The field to write in: drafts by conversation, sending, and editing what was sent. */
export class Composer {
  #chat;
  #onSend;
  #channelId = null;
  #drafts = new Map();
  #editing = null; // the message that the field changes, as it was then
  #pointer = matchMedia('(pointer: coarse)');

  /** @param {() => void} onSend A message is about to be sent. */
  constructor(chat, onSend) {
    this.#chat = chat;
    this.#onSend = onSend;
    document.querySelector('.send').append(icon('send'), icon('accepted'));
    $('cancel-edit').append(icon('close'));
    $('cancel-edit').addEventListener('click', () => this.cancel());
    $('composer').addEventListener('submit', event => {
      event.preventDefault();
      this.#submit();
    });
    $('composer').addEventListener('keydown', event => {
      if (event.key !== 'Escape' || event.isComposing || !this.#editing) return;
      event.stopPropagation(); // it would close the conversation too
      this.cancel();
    });
    $('message').addEventListener('input', () => {
      this.#typed();
      if (!this.#editing) this.#chat.typing(this.#channelId, $('message').value.trim() !== '');
    });
    $('message').addEventListener('keydown', event => this.#pressed(event));
  }

  /** The id of the message that is being edited, or undefined. */
  get editing() {
    return this.#editing?.messageId;
  }

  /** Another conversation, or with null none; what is written for the one before waits there. */
  open(channelId) {
    if (this.#channelId) {
      if (!this.#editing) this.#drafts.set(this.#channelId, $('message').value);
      this.#chat.typing(this.#channelId, false);
    }
    if (channelId && (channelId !== this.#channelId || this.#editing)) this.#fill(null, this.#drafts.get(channelId) ?? '');
    this.#channelId = channelId;
  }

  /** Another user begins. */
  forget() {
    this.#drafts.clear();
    this.#fill(null, '');
  }

  focus() {
    // On a phone a focused field would bring up the keyboard over the conversation.
    (this.#pointer.matches ? $('head-title') : $('message')).focus({ preventScroll: true });
  }

  note(text) {
    setText($('composer-note'), text);
  }

  /** Puts an own message into the field, to change it. */
  edit(message) {
    if (!this.#editing) this.#drafts.set(this.#channelId, $('message').value);
    this.#chat.typing(this.#channelId, false);
    this.#fill(message, message.content);
    $('message').focus({ preventScroll: true });
    this.#mark()?.scrollIntoView({ block: 'nearest' });
  }

  /** Back to writing something new. */
  cancel() {
    this.#resume();
    $('message').focus({ preventScroll: true });
  }

  /** The conversation's messages may be other than before. */
  render(messages) {
    if (this.#editing && messages.find(message => message.messageId === this.#editing.messageId)?.deleted) {
      this.#resume();
      this.note('The message that you were editing was deleted.');
    }
    this.#mark();
  }

  #resume() {
    this.#fill(null, this.#drafts.get(this.#channelId) ?? '');
  }

  #fill(editing, text) {
    this.#editing = editing;
    $('editing').hidden = !editing;
    $('composer').classList.toggle('is-editing', Boolean(editing));
    setText($('editing-text'), editing ? oneLine(editing.content) : '');
    setText($('message-label'), editing ? 'Edit message' : 'Message');
    const button = document.querySelector('.send');
    button.title = editing ? 'Save' : 'Send';
    button.setAttribute('aria-label', button.title);
    $('message').value = text;
    this.#typed();
    this.#mark();
  }

  // Shows which message the field changes.
  #mark() {
    let marked;
    for (const item of $('messages').children) {
      const is = this.#editing !== null && item.dataset.messageId === this.#editing.messageId;
      item.classList.toggle('is-being-edited', is);
      if (is) marked = item;
    }
    return marked;
  }

  #pressed(event) {
    if (event.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey && !this.#pointer.matches) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === 'ArrowUp' && !$('message').value && !this.#editing) {
      const myId = this.#chat.me.userId;
      const last = this.#chat.messages(this.#channelId).findLast(message => message.sender === myId && !message.deleted);
      if (!last || !isEditable(last, myId)) return; // on its way still: not the one before it
      event.preventDefault();
      this.edit(last);
    }
  }

  #submit() {
    const text = $('message').value.trim();
    if (!text || !this.#channelId) return;
    try {
      if (this.#editing) this.#save(text);
      else {
        this.#onSend();
        this.#chat.send(this.#channelId, text);
        this.#drafts.delete(this.#channelId);
        this.#fill(null, '');
      }
    } catch (error) {
      if (error.name !== 'ChatError') throw error;
      this.note(explain(error));
      return;
    }
    $('message').focus();
  }

  #save(text) {
    if (text !== this.#editing.content) this.#chat.editMessage(this.#channelId, this.#editing.messageId, text);
    this.cancel();
  }

  #typed() {
    const field = $('message');
    document.querySelector('.send').disabled = !field.value.trim();
    field.style.height = 'auto';
    field.style.height = `${Math.min(field.scrollHeight, 180)}px`;
    const length = field.value.length < NOTE_FROM ? 0 : [...field.value].length;
    this.note(length < NOTE_FROM ? '' : `${length.toLocaleString()} of ${MOST.toLocaleString()} characters`);
  }
}

/** Whether somebody may give a message another text. */
export function isEditable(message, userId) {
  return Boolean(message.messageId) && message.sender === userId && !message.deleted && message.contentType === 'text';
}
