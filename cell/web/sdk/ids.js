const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** The time in a ULID, Unix milliseconds. */
export function timeOf(ulid) {
  let time = 0;
  for (let i = 0; i < 10; i++) time = time * 32 + ALPHABET.indexOf(ulid[i]);
  return time;
}

/** A new request id: 130 random bits as text. (crypto.randomUUID exists on secure pages only.) */
export function newRequestId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(26)), byte => ALPHABET[byte & 31]).join('');
}

/** The greater of two ids; either may be missing. Ids are ordered as text. */
export function maxId(a, b) {
  if (!a) return b;
  return !b || a >= b ? a : b;
}
