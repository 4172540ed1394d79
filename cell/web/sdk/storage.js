/** Keeps text by key for as long as the page lives. */
export class MemoryStorage {
  #values = new Map();

  get(key) {
    return this.#values.get(key) ?? null;
  }

  set(key, value) {
    this.#values.set(key, value);
  }

  remove(key) {
    this.#values.delete(key);
  }

  /** The keys that start with a prefix, in order. */
  keys(prefix) {
    return [...this.#values.keys()].filter(key => key.startsWith(prefix)).sort();
  }
}

/** Keeps text in the browser's localStorage, or in memory where the browser refuses that. */
export class LocalStorage {
  #store;
  #memory = new MemoryStorage();

  constructor(store = globalThis.localStorage) {
    this.#store = store;
  }

  get(key) {
    return this.#memory.get(key) ?? this.#attempt(() => this.#store.getItem(key), null);
  }

  set(key, value) {
    // A full or forbidden store must not stop the chat: then the value lives as long as the page.
    const kept = this.#attempt(() => {
      this.#store.setItem(key, value);
      return true;
    }, false);
    if (kept) this.#memory.remove(key);
    else this.#memory.set(key, value);
  }

  remove(key) {
    this.#memory.remove(key);
    this.#attempt(() => this.#store.removeItem(key));
  }

  keys(prefix) {
    const stored = this.#attempt(() => Array.from({ length: this.#store.length }, (_, i) => this.#store.key(i)), []);
    return [...new Set([...stored.filter(key => key.startsWith(prefix)), ...this.#memory.keys(prefix)])].sort();
  }

  #attempt(action, otherwise) {
    try {
      return action();
    } catch {
      return otherwise;
    }
  }
}
