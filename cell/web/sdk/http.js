import { ChatError } from './errors.js';

const TIMEOUT_MS = 20_000;
const ATTEMPTS = 4;

/** Requests to the API through the router. */
export class Http {
  #baseUrl;
  #fetch;
  #clock;
  #random;

  constructor({ baseUrl, fetch, clock, random }) {
    this.#baseUrl = baseUrl.replace(/\/+$/, '');
    this.#fetch = fetch;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * Sends one request and reads its JSON answer (null where there is none).
   * @param {string} method
   * @param {string} path
   * @param {{body?: object, token?: string, repeatable?: boolean}} [options] repeatable: sending it twice does no harm, so what is temporary is tried again.
   * @throws {ChatError}
   */
  async send(method, path, options = {}) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#sendOnce(method, path, options);
      } catch (error) {
        if (!options.repeatable || !error.temporary || attempt === ATTEMPTS) throw error;
        await this.#sleep(error.retryAfter ?? 500 * 2 ** attempt * (0.5 + this.#random() / 2));
      }
    }
  }

  async #sendOnce(method, path, { body, token }) {
    const abort = new AbortController();
    const timer = this.#clock.setTimeout(() => abort.abort(), TIMEOUT_MS);
    try {
      const headers = {};
      if (token) headers.authorization = `Bearer ${token}`;
      if (body !== undefined) headers['content-type'] = 'application/json';
      const response = await this.#fetch(this.#baseUrl + path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: abort.signal,
        credentials: 'omit',
        cache: 'no-store',
      });
      const text = await response.text();
      if (response.ok) return text ? JSON.parse(text) : null;
      throw problemOf(response, text);
    } catch (error) {
      if (error instanceof ChatError) throw error;
      throw new ChatError('network', 'The service can’t be reached. Check your connection.');
    } finally {
      this.#clock.clearTimeout(timer);
    }
  }

  #sleep(ms) {
    return new Promise(resolve => this.#clock.setTimeout(resolve, ms));
  }
}

function problemOf(response, text) {
  let problem = {};
  try {
    problem = JSON.parse(text) ?? {};
  } catch {
    // Something between us and the service answered; its status says enough.
  }
  const seconds = Number(response.headers.get('retry-after'));
  return new ChatError(problem.code ?? codeOf(response.status), problem.detail ?? problem.title ?? `The service answered with ${response.status}.`, {
    status: response.status,
    retryAfter: problem.retryAfter ?? (seconds > 0 ? seconds * 1000 : undefined),
    home: problem.home,
  });
}

function codeOf(status) {
  if (status === 401) return 'unauthorized';
  if (status === 404) return 'not_found';
  if (status === 429) return 'rate_limited';
  return status >= 500 ? 'cell_unavailable' : 'bad_request';
}
