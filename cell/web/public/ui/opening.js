/**
 * Shows a conversation that may have to be made first. While it is being made none is shown: what one types must not go to the one from before. When somebody opens another one
 * meanwhile, that one stays.
 */
export class Opening {
  #chat;
  #shown;
  #go;
  #latest = 0;

  /** @param {() => string|null} shown The conversation that is shown; @param {(channelId: string|null) => void} go Shows one, or none. */
  constructor(chat, shown, go) {
    this.#chat = chat;
    this.#shown = shown;
    this.#go = go;
  }

  /** The direct chat with somebody: at once when there is one. */
  async direct(userId) {
    const known = this.#chat.channels.find(channel => channel.type === 'direct' && channel.members.some(member => member.userId === userId));
    if (known) {
      this.#latest++;
      this.#go(known.channelId);
    } else await this.made(() => this.#chat.createDirect(userId));
  }

  /** @param {() => Promise<{channelId: string}>} make */
  async made(make) {
    const turn = ++this.#latest;
    this.#go(null);
    const { channelId } = await make();
    if (turn === this.#latest && this.#shown() === null) this.#go(channelId);
  }
}
