/** Calls with the session's access token, which is renewed once when it is refused. */
export class Api {
  #http;
  #session;
  #running = new Map();

  constructor(http, session) {
    this.#http = http;
    this.#session = session;
  }

  async call(method, path, body, { repeatable = true } = {}) {
    let token = await this.#session.accessToken();
    try {
      return await this.#http.send(method, path, { body, token, repeatable });
    } catch (error) {
      if (error.status !== 401) throw error;
      this.#session.reject(token);
      token = await this.#session.accessToken();
      return this.#http.send(method, path, { body, token, repeatable });
    }
  }

  /** Two callers who want the same at the same time share one action. */
  once(key, action) {
    let running = this.#running.get(key);
    if (!running) {
      running = action().finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    return running;
  }

  /** Another user begins: nobody waits for the answers to the one before. */
  forget() {
    this.#running.clear();
  }
}

/** Does something with every item, few at a time. */
export async function inParallel(items, width, action) {
  const queue = items[Symbol.iterator]();
  await Promise.all(Array.from({ length: width }, async () => {
    for (const item of queue) await action(item);
  }));
}
