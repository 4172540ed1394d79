import { ChatCells } from './sdk/chat-cells.js';
import { CellsTable } from './ui/cells.js';
import { Conversation } from './ui/conversation.js';
import { Details } from './ui/details.js';
import { Dialogs } from './ui/dialogs.js';
import { $, avatar, icon, setText, tabs, toast } from './ui/dom.js';
import { explain, unreadText } from './ui/format.js';
import { Lists } from './ui/lists.js';
import { Opening } from './ui/opening.js';
import { People } from './ui/people.js';
import { PresenceView } from './ui/presence.js';
import { Welcome } from './ui/welcome.js';

const chat = new ChatCells();
const people = new People(chat, () => renderSoon());
const presence = new PresenceView(chat);
const opening = new Opening(chat, () => conversation.channelId, channelId => go(channelId));
const lists = new Lists(chat, people, presence, channelId => go(channelId), opening);
const dialogs = new Dialogs(chat, people, () => lists.contacts, opening);
const conversation = new Conversation(chat, people, presence, dialogs, () => go(null));
const details = new Details(chat, people, presence, dialogs);
const welcome = new Welcome(chat);
const cells = new CellsTable(chat, table => welcome.regions(table));

let lastHandle = null;
let rendering = false;
let framed = null;
let countdown = null;

// ---- who is here ----

function sessionChanged() {
  const me = chat.me;
  $('welcome').hidden = Boolean(me);
  $('chat').hidden = !me;
  people.forget();
  conversation.forget();
  cells.refresh();
  if (!me) {
    document.title = 'Chat.Cells';
    welcome.show(lastHandle);
    return;
  }
  lastHandle = me.handle;
  $('my-avatar').replaceChildren(avatar(me.userId, me.displayName));
  setText($('my-name'), me.displayName);
  setText($('my-handle'), me.handle);
  lists.contacts = [];
  lists.renderContacts();
  chat.start();
  load();
  route();
}

async function load() {
  await Promise.all([chat.loadChannels(), lists.loadContacts()].map(task => task.catch(error => {
    if (error.name !== 'ChatError') throw error;
    if (error.code !== 'session_ended') toast(explain(error));
  })));
  route();
  render();
}

// ---- what is shown: the address names the conversation, so that "back" and a reload work ----

function go(channelId) {
  const hash = channelId ? `#/${encodeURIComponent(channelId)}` : '#/';
  if (location.hash !== hash && (channelId || location.hash)) location.hash = hash;
  route(); // now, not when the browser tells of the new address: what is typed meanwhile would go to the conversation from before
}

function route() {
  if (!chat.me) return;
  const wanted = wantedChannel();
  const channelId = chat.channel(wanted) ? wanted : null;
  if (channelId !== conversation.channelId) {
    const left = conversation.channelId;
    conversation.open(channelId);
    details.fold();
    if (!channelId && left) $('chat-list').querySelector(`[data-key="${CSS.escape(left)}"] button`)?.focus();
  }
  render();
}

function wantedChannel() {
  if (!location.hash.startsWith('#/')) return '';
  try {
    return decodeURIComponent(location.hash.slice(2));
  } catch {
    return ''; // not an address that we made
  }
}

function render() {
  if (!chat.me) return;
  lists.renderChats(conversation.channelId);
  const first = chat.channels.length === 0;
  setText($('blank-title'), first ? `Welcome, ${chat.me.displayName}` : 'Pick up where you left off');
  setText($('blank-text'), first
    ? 'Write to anybody by handle, in your region or another one. Your messages wait here when you are offline.'
    : 'Choose a conversation on the left, or start a new one.');
  const unread = chat.unreadTotal().count;
  document.title = unread > 0 ? `(${unreadText(unread)}) Chat.Cells` : 'Chat.Cells';
  conversation.render();
  details.render(conversation.channelId);
}

// Many events in one moment are one change of the page.
function renderSoon() {
  if (rendering) return;
  rendering = true;
  queueMicrotask(() => {
    rendering = false;
    render();
  });
}

// A view of many people is answered by as many frames, and nobody needs to see more than the screen can show.
function renderNextFrame() {
  framed ??= requestAnimationFrame(() => {
    framed = null;
    render();
  });
}

// ---- the connection ----

function showState() {
  const { status, retryAt } = chat.state;
  const offline = !navigator.onLine && status !== 'connected';
  const shown = offline ? 'offline' : status === 'connected' ? 'connected' : status === 'waiting' ? 'waiting' : 'connecting';
  $('connection').dataset.state = shown;
  const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
  setText($('connection-text'), { offline: 'Offline. Messages wait here.', connected: 'Connected', waiting: seconds > 0 ? `Reconnecting in ${seconds} s` : 'Reconnecting …', connecting: 'Connecting …' }[shown]);
  setText($('connection-status'), { offline: 'Offline', connected: 'Connected', waiting: 'Connection lost, reconnecting', connecting: 'Connecting' }[shown]);
  $('connection-retry').hidden = shown !== 'waiting';
  clearTimeout(countdown);
  if (shown === 'waiting') countdown = setTimeout(showState, 500);
}

// ---- wiring ----

$('log-out').append(icon('logout'));
$('log-out').addEventListener('click', async () => {
  location.hash = '#/';
  conversation.open(null);
  await chat.logOut();
});
$('new-chat').addEventListener('click', () => dialogs.newChat());
$('blank-new').addEventListener('click', () => dialogs.newChat());
$('new-group').addEventListener('click', () => dialogs.newGroup());
$('connection-retry').addEventListener('click', () => chat.wake());
tabs(document.querySelector('.side-tabs'));
// The address names the conversation: the link must not change it.
document.querySelector('.skip').addEventListener('click', event => {
  event.preventDefault();
  ($('open-conversation').hidden ? $('new-chat') : $('message')).focus();
});

chat.addEventListener('session', sessionChanged);
chat.addEventListener('state', showState);
for (const type of ['channels', 'channel', 'message', 'changed', 'unread', 'reset']) chat.addEventListener(type, renderSoon);
for (const type of ['presence', 'typing']) chat.addEventListener(type, renderNextFrame);
chat.addEventListener('channels', () => {
  if (!conversation.channelId) route();
});
chat.addEventListener('failed', ({ detail }) => {
  if (detail.messageId) toast(`A message could not be changed. ${explain(detail.error)}`);
  renderSoon();
});
window.addEventListener('hashchange', route);
window.addEventListener('online', () => {
  chat.wake();
  showState();
});
window.addEventListener('offline', showState);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) chat.wake();
});
window.addEventListener('keydown', event => {
  if (event.key === 'Escape' && conversation.channelId && !$('dialog').open && document.activeElement === $('message') && !$('message').value) go(null);
});

cells.start();
showState();
sessionChanged();
