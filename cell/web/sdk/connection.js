const SUBPROTOCOL = 'chat.cells.v1';
const HEARTBEAT_MS = 5_000;
const SILENCE_MS = 15_000;
const OPEN_TIMEOUT_MS = 15_000;
const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 30_000;
const STEADY_MS = 5_000;

export const CloseCodes = Object.freeze({ unauthorized: 4001, tooSlow: 4008, moved: 4010, draining: 4013 });

/**
 * One WebSocket at a time, kept alive: opened with a ticket, synced from the last cursor, watched by heartbeats, opened again after every end with a growing, jittered delay.
 */
export class Connection {
  #deps;
  #socket = null;
  #timers = new Map();
  #attempt = 0;
  #generation = 0;
  #lastHeard = 0;
  #connectedAt = null;
  #state = { status: 'stopped' };

  /**
   * @param {object} deps url, WebSocket, clock, random; ticket(): Promise<string>; cursor(): string|null; heartbeat(): its payload; onFrame(frame); onState(state);
   *   onRejected(): the token was refused; token(): Promise<string> a renewed one; refreshIn(): ms until then.
   */
  constructor(deps) {
    this.#deps = deps;
  }

  /** {status: "stopped"|"connecting"|"syncing"|"connected"|"waiting", retryAt?} (retryAt in Unix ms). */
  get state() {
    return this.#state;
  }

  get connected() {
    return this.#state.status === 'connected';
  }

  start() {
    if (this.#state.status !== 'stopped') return;
    this.#attempt = 0;
    this.#open();
  }

  stop() {
    this.#drop();
    this.#setState({ status: 'stopped' });
  }

  /** The network or the user is back: don't wait any longer. */
  wake() {
    if (this.#state.status === 'waiting') this.#open();
    else if (this.connected && this.#deps.clock.now() - this.#lastHeard > 2 * HEARTBEAT_MS) this.#lost();
  }

  /** Sends a frame; false when there is no open socket to send it on. */
  send(type, payload, requestId) {
    if (!this.#socket || this.#socket.readyState !== 1) return false;
    const frame = { type, payload, timestamp: this.#deps.clock.now() };
    if (requestId) frame.requestId = requestId;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** Sends a heartbeat now; the next ones follow at their distance. */
  beat() {
    this.send('heartbeat', this.#deps.heartbeat());
    this.#heartbeat();
  }

  /** Called when the server has said everything that was missed. */
  synced() {
    if (this.#state.status !== 'syncing') return;
    this.#connectedAt = this.#deps.clock.now();
    this.#setState({ status: 'connected' });
  }

  async #open() {
    this.#drop();
    const generation = this.#generation;
    this.#setState({ status: 'connecting' });
    let ticket;
    try {
      ticket = await this.#deps.ticket();
    } catch (error) {
      if (generation !== this.#generation) return;
      if (error.code === 'session_ended') this.stop();
      else this.#wait(this.#backOff(error.retryAfter));
      return;
    }
    if (generation !== this.#generation) return;
    const socket = new this.#deps.WebSocket(this.#deps.url, [SUBPROTOCOL, `ticket.${ticket}`]);
    this.#socket = socket;
    this.#after('open', OPEN_TIMEOUT_MS, () => this.#lost());
    socket.onopen = () => this.#opened();
    socket.onmessage = event => this.#heard(event.data);
    socket.onclose = event => this.#closed(event.code, event.reason);
    socket.onerror = () => {}; // a close follows
  }

  #opened() {
    this.#cancel('open');
    this.#lastHeard = this.#deps.clock.now();
    this.#setState({ status: 'syncing' });
    this.send('sync', { cursor: this.#deps.cursor() });
    this.#heartbeat();
    this.#scheduleRenewal();
  }

  #heard(text) {
    this.#lastHeard = this.#deps.clock.now();
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      this.#lost(); // what follows can't be trusted; the cursor brings everything again
      return;
    }
    if (frame.type === 'auth_ok') this.#scheduleRenewal();
    else if (frame.type !== 'heartbeat') this.#deps.onFrame(frame);
  }

  #heartbeat() {
    this.#after('heartbeat', HEARTBEAT_MS, () => {
      if (this.#deps.clock.now() - this.#lastHeard >= SILENCE_MS) {
        this.#lost();
        return;
      }
      this.beat();
    });
  }

  // The socket outlives the token that opened it when a new one is shown in time.
  #scheduleRenewal() {
    const delay = this.#deps.refreshIn();
    if (!Number.isFinite(delay)) return;
    this.#after('renewal', Math.min(delay, 2 ** 31 - 1), async () => {
      const generation = this.#generation;
      try {
        const token = await this.#deps.token();
        if (generation === this.#generation) this.send('auth', { token });
      } catch (error) {
        if (generation !== this.#generation) return;
        if (error.code === 'session_ended') this.stop();
        else this.#after('renewal', this.#backOff(error.retryAfter), () => this.#scheduleRenewal());
      }
    });
  }

  #closed(code, reason) {
    const steady = this.#connectedAt !== null && this.#deps.clock.now() - this.#connectedAt >= STEADY_MS;
    if (steady) this.#attempt = 0;
    this.#drop();
    if (code === CloseCodes.unauthorized) this.#deps.onRejected();
    if (code === CloseCodes.draining) this.#wait(Math.min(Math.max(Number.parseInt(reason, 10) || 0, 0), 2 * LONGEST_DELAY_MS));
    else if ((code === CloseCodes.moved || code === CloseCodes.unauthorized) && this.#attempt === 0) {
      // Once at once: the router finds the new home, or the token is renewed.
      this.#attempt = 1;
      this.#wait(this.#deps.random() * 250);
    } else this.#wait(this.#backOff());
  }

  #lost() {
    this.#closed(1006, '');
  }

  #backOff(atLeast = 0) {
    const base = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#attempt++);
    return Math.max(base / 2 + (this.#deps.random() * base) / 2, atLeast);
  }

  #wait(delay) {
    this.#setState({ status: 'waiting', retryAt: this.#deps.clock.now() + delay });
    this.#after('retry', delay, () => this.#open());
  }

  #drop() {
    this.#generation++;
    this.#connectedAt = null;
    for (const timer of this.#timers.values()) this.#deps.clock.clearTimeout(timer);
    this.#timers.clear();
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    // A dead connection may take minutes to say that it is closed: nobody listens any more.
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #after(name, delay, action) {
    this.#cancel(name);
    this.#timers.set(name, this.#deps.clock.setTimeout(() => {
      this.#timers.delete(name);
      action();
    }, delay));
  }

  #cancel(name) {
    this.#deps.clock.clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #setState(state) {
    this.#state = state;
    this.#deps.onState(state);
  }
}
