/** Profiles, and the user's contacts. */
export class People {
  #api;
  #known = new Map();

  constructor(api) {
    this.#api = api;
  }

  /** {userId, handle, displayName}; remembered. */
  async user(userId) {
    const known = this.#known.get(userId);
    if (known) return known;
    return this.#api.once(`user ${userId}`, async () => this.remember(await this.#api.call('GET', `/v1/users/${encodeURIComponent(userId)}`)));
  }

  known(userId) {
    return this.#known.get(userId);
  }

  async findHandle(handle) {
    return this.remember(await this.#api.call('GET', `/v1/handles/${encodeURIComponent(handle)}`));
  }

  async contacts() {
    const answer = await this.#api.call('GET', '/v1/contacts');
    const list = Array.isArray(answer) ? answer : answer.contacts ?? [];
    return Promise.all(list.map(contact => {
      const userId = typeof contact === 'string' ? contact : contact.userId;
      return contact.displayName ? this.remember(contact) : this.user(userId).catch(() => ({ userId, handle: null, displayName: userId }));
    }));
  }

  async addContact(userId) {
    await this.#api.call('PUT', `/v1/contacts/${encodeURIComponent(userId)}`);
  }

  async removeContact(userId) {
    await this.#api.call('DELETE', `/v1/contacts/${encodeURIComponent(userId)}`);
  }

  remember({ userId, handle, displayName }) {
    const user = { userId, handle, displayName: displayName || handle || userId };
    this.#known.set(userId, user);
    return user;
  }

  forget() {
    this.#known.clear();
  }
}
