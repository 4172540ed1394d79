/** Small facts about this device. */

/** One form of a password, however a keyboard composes its letters. */
export const plain = password => String(password ?? '').normalize('NFC');

export function defaultDevice() {
  const agent = globalThis.navigator?.userAgent ?? '';
  const system = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'Linux'].find(name => agent.includes(name)) ?? 'Device';
  return { name: `Browser on ${system}`, kind: /Android|iPhone|Mobile/.test(agent) ? 'mobile' : 'web' };
}

export const systemClock = { now: () => Date.now(), setTimeout: (f, ms) => setTimeout(f, ms), clearTimeout: id => clearTimeout(id) };

/** A part of a storage. */
export function prefixed(storage, prefix) {
  return { get: key => storage.get(prefix + key), set: (key, value) => storage.set(prefix + key, value), remove: key => storage.remove(prefix + key) };
}
