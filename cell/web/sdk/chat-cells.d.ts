/** JavaScript SDK of Chat.Cells: one device of one user, kept connected, in order and complete. */

/** An answer that says no: over HTTP, in an `error` frame, or none at all. */
export class ChatError extends Error {
  constructor(code: string, message: string, more?: { status?: number; retryAfter?: number; home?: string });
  /** One of the protocol's error codes, or "network" (no answer), "session_ended" (log in again). */
  readonly code: string;
  readonly status?: number;
  /** Milliseconds. */
  readonly retryAfter?: number;
  readonly home?: string;
  /** Whether the same request may succeed later. */
  readonly temporary: boolean;
}

export const CloseCodes: Readonly<{ unauthorized: 4001; tooSlow: 4008; moved: 4010; draining: 4013 }>;

/** Where session, cursor and unsent messages are kept. */
export interface Storage {
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
  /** The keys that start with a prefix, in order. */
  keys(prefix: string): string[];
}

/** For as long as the page lives. */
export class MemoryStorage implements Storage {
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
  keys(prefix: string): string[];
}

/** The browser's localStorage, or memory where the browser refuses that. */
export class LocalStorage implements Storage {
  constructor(store?: globalThis.Storage);
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
  keys(prefix: string): string[];
}

export interface User {
  userId: string;
  /** name@region */
  handle: string;
  displayName: string;
}

export interface Me extends User {
  deviceId: string;
}

export interface Device {
  name: string;
  kind: string;
}

export interface CellTable {
  version: number;
  cells: { name: string; region: string; state: 'Active' | 'Draining' | 'Down'; healthy: boolean }[];
}

export interface Member {
  userId: string;
  role: 'owner' | 'admin' | 'member';
}

export interface Channel {
  readonly channelId: string;
  readonly type: 'direct' | 'group';
  readonly name: string | null;
  /** The cell that decides its members. */
  readonly home: string;
  readonly version: number;
  readonly members: Member[];
  /** Whether history was asked for, and whether all of it is here. */
  readonly history: { started: boolean; done: boolean };
  readonly lastMessage?: Message;
}

export interface Message {
  /** Absent while it is sending. */
  messageId?: string;
  requestId?: string;
  channelId: string;
  sender: string;
  contentType: string;
  content: string;
  replyTo?: string;
  /** Unix ms, by the server once accepted. */
  time: number;
  /** Its content is not the first one any more. */
  edited?: boolean;
  /** Its content is gone, and empty here: show that there was a message. */
  deleted?: boolean;
  /** An edit or deletion of this device that the server has not accepted yet; it shows as done. */
  changing?: 'edit' | 'delete';
  /** Of own messages only. */
  status?: 'sending' | 'failed' | 'accepted' | 'delivered' | 'read';
  /** How many of the others have read it; of own accepted messages only. */
  readBy?: number;
  others?: number;
  error?: { code: string; message: string };
}

export interface Presence {
  /** Of all the user's devices together. */
  status: 'online' | 'away' | 'offline';
  /** Unix ms. */
  lastActiveAt?: number;
  /** The kinds of the devices that are there now. */
  devices: string[];
}

export type State =
  | { status: 'stopped' | 'connecting' | 'syncing' | 'connected' }
  | { status: 'waiting'; /** Unix ms */ retryAt: number };

export interface Options {
  /** The router; the page's own origin by default. */
  baseUrl?: string;
  storage?: Storage;
  fetch?: typeof fetch;
  WebSocket?: typeof WebSocket;
  /** Web Locks, by which tabs renew tokens one at a time; null for none. */
  locks?: LockManager | null;
  clock?: { now(): number; setTimeout(action: () => void, ms: number): unknown; clearTimeout(id: unknown): void };
  random?: () => number;
}

export interface ChatCellsEvents {
  session: undefined;
  state: State;
  channels: undefined;
  channel: { channelId: string };
  message: { channelId: string; message: Message; live: boolean };
  /** A message that was here was edited or deleted. */
  changed: { channelId: string; message: Message; /** A user id. */ by: string };
  /** The server refused a message, which shows as "failed", or with a messageId a change of that one, which shows as before. */
  failed: { channelId: string; requestId: string; messageId?: string; error: { code: string; message: string } };
  /** Counts of unread messages are other than before. */
  unread: { channelIds: string[] };
  presence: { userIds: string[] };
  /** Somebody began or stopped writing. */
  typing: { channelId: string };
  /** What was missed is older than the inbox: channels and history are being loaded anew. */
  reset: undefined;
  error: { code: string; message: string };
}

export class ChatCells extends EventTarget {
  constructor(options?: Options);
  addEventListener<K extends keyof ChatCellsEvents>(type: K, listener: (event: Event & { detail: ChatCellsEvents[K] }) => void): void;

  /** Null when nobody is logged in. */
  readonly me: Me | null;
  readonly state: State;
  /** The user's channels, the latest message first. */
  readonly channels: Channel[];
  channel(channelId: string): Channel | undefined;

  cells(): Promise<CellTable>;
  signUp(options: { region: string; handle: string; password: string; displayName?: string; device?: Device }): Promise<Me>;
  /** @param options handle as name@region. */
  logIn(options: { handle: string; password: string; device?: Device }): Promise<Me>;
  logOut(): Promise<void>;

  /** Connects, and stays connected until stopped. */
  start(): void;
  stop(): void;
  /** The network or the user is back: don't wait for the next attempt. */
  wake(): void;

  user(userId: string): Promise<User>;
  knownUser(userId: string): User | undefined;
  findHandle(handle: string): Promise<User>;
  contacts(): Promise<User[]>;
  addContact(userId: string): Promise<void>;
  removeContact(userId: string): Promise<void>;

  /** Says whose presence is on the screen now: of these, at most 200, and of nobody else, "presence" tells. */
  watchPresence(userIds: string[]): void;
  /** Undefined for who isn't watched, or while it isn't known. */
  presence(userId: string): Presence | undefined;
  /** Whether somebody looks at this device; others see it at once. */
  setAway(away: boolean): void;

  createDirect(userId: string): Promise<Channel>;
  createGroup(name: string, userIds: string[]): Promise<Channel>;
  rename(channelId: string, name: string): Promise<void>;
  setMember(channelId: string, userId: string, role?: Member['role']): Promise<void>;
  removeMember(channelId: string, userId: string): Promise<void>;
  /** Loads the list of channels and the latest page of each. */
  loadChannels(): Promise<void>;
  /** Loads the next older page; true when there may be more. */
  loadHistory(channelId: string): Promise<boolean>;
  loadReceipts(channelId: string): Promise<void>;

  /** Sends a text, at most 100,000 code points; returns its request id. It shows at once as "sending" and survives a reload. */
  send(channelId: string, content: string, options?: { replyTo?: string }): string;
  sendAgain(requestId: string): string | undefined;
  discard(requestId: string): void;
  /**
   * Gives an own message another text, at most 100,000 code points; returns its request id. It shows at once, survives a reload, goes out again until there is a verdict, and
   * shows as before when the server refuses it ("failed"). Several changes of one message take effect in their order. Throws a ChatError: unknown_message for one that is not
   * here or was not accepted yet ("sending" or "failed": it has no messageId), forbidden for somebody else's, deleted, too_large.
   */
  editMessage(channelId: string, messageId: string, text: string): string;
  /** Deletes a message for everybody, an own one or, as a group's admin or owner, anybody's; otherwise like editMessage. */
  deleteMessage(channelId: string, messageId: string): string;
  /** In the order to show them: accepted ones by id, then those on their way. */
  messages(channelId: string): Message[];
  /** How many messages of others the user has not read, on any device: 0 to 100, which means that many or more. */
  unread(channelId: string): number;
  /** Of all channels; capped: that many or more. */
  unreadTotal(): { count: number; capped: boolean };
  /** The user wrote something in the channel's field just now (call it on each input), or cleared it. */
  typing(channelId: string, typing?: boolean): void;
  /** The ids of the others who are writing in a channel, who began first coming first. */
  typists(channelId: string): string[];
  /** The user has seen everything of the channel that is here. */
  markRead(channelId: string): void;
}

/** The greater of two message ids; either may be missing. */
export function maxId(a: string | undefined, b: string | undefined): string | undefined;
