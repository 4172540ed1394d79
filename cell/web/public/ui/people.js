/** Names and titles, as far as they are known; asks for the rest once and says when it is there. */
export class People {
  #chat;
  #asked = new Set();
  #onKnown;

  constructor(chat, onKnown) {
    this.#chat = chat;
    this.#onKnown = onKnown;
  }

  forget() {
    this.#asked.clear();
  }

  name(userId) {
    const known = this.#chat.knownUser(userId);
    if (known) return known.displayName;
    this.#ask(userId);
    return 'Someone';
  }

  /** What friends call somebody. */
  firstName(userId) {
    return this.name(userId).split(/\s+/)[0];
  }

  handle(userId) {
    return this.#chat.knownUser(userId)?.handle ?? '';
  }

  /** The other one of a direct channel. */
  other(channel) {
    const myId = this.#chat.me?.userId;
    return channel.members.find(member => member.userId !== myId)?.userId ?? myId;
  }

  title(channel) {
    return channel.type === 'direct' ? this.name(this.other(channel)) : channel.name || 'Group';
  }

  /** The id whose colour a channel's avatar has. */
  face(channel) {
    return channel.type === 'direct' ? this.other(channel) : channel.channelId;
  }

  /** Whether the user runs a group: changes its members and name, and deletes what others wrote. */
  manages(channel) {
    const role = channel?.type === 'group' && channel.members.find(member => member.userId === this.#chat.me?.userId)?.role;
    return role === 'owner' || role === 'admin';
  }

  homeOf(userId) {
    return userId?.split('.')[0] ?? '';
  }

  #ask(userId) {
    if (this.#asked.has(userId)) return;
    this.#asked.add(userId);
    this.#chat.user(userId).then(() => this.#onKnown(), error => {
      if (error.temporary) setTimeout(() => this.#asked.delete(userId), 5_000);
    });
  }
}
