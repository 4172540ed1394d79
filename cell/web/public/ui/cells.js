import { el, reconcile, setText } from './dom.js';

const EVERY_MS = 3_000;

/** The live table of cells, wherever the page has room for it. */
export class CellsTable {
  #chat;
  #places;
  #timer = null;
  #onTable;
  table = null;

  constructor(chat, onTable) {
    this.#chat = chat;
    this.#onTable = onTable;
    this.#places = [...document.querySelectorAll('[data-cells]')].map(place => build(place));
  }

  start() {
    this.#poll();
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#poll();
    });
  }

  /** Somebody else is logged in: another cell may be "my home". */
  refresh() {
    this.#render(null);
  }

  async #poll() {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    try {
      this.table = await this.#chat.cells();
      this.#render(null);
      this.#onTable(this.table);
    } catch (error) {
      if (error.name !== 'ChatError') throw error;
      this.#render('The router doesn’t answer.');
    }
    this.#timer = setTimeout(() => this.#poll(), EVERY_MS);
  }

  #render(problem) {
    const home = this.#chat.me?.userId.split('.')[0];
    for (const { body, note, table } of this.#places) {
      table.hidden = !this.table;
      reconcile(body, this.table?.cells ?? [], {
        key: cell => cell.name,
        create: () => el('tr', {}, [el('th', { scope: 'row' }), el('td'), el('td')]),
        update: (row, cell) => {
          const mine = cell.name === home;
          row.classList.toggle('is-home', mine);
          const [name, region, health] = row.children;
          if (name.dataset.text !== `${cell.name} ${mine}`) {
            name.dataset.text = `${cell.name} ${mine}`;
            name.replaceChildren(el('span', { class: 'cell-name' }, [cell.name, mine && el('span', { class: 'tag', text: 'my home' })]));
          }
          setText(region, cell.region);
          const [state, label] = !cell.healthy || problem ? ['down', problem ? 'Unknown' : 'Unreachable'] : cell.state === 'Active' ? ['up', 'Healthy'] : ['draining', cell.state];
          if (health.dataset.text === label) return;
          health.dataset.text = label;
          health.replaceChildren(el('span', { class: `health is-${state}` }, [el('span', { class: 'dot', 'aria-hidden': 'true' }), label]));
        },
      });
      setText(note, problem ?? (this.table ? `Map version ${this.table.version}, refreshed every 3 seconds` : 'Asking the router …'));
    }
  }
}

function build(place) {
  const body = el('tbody');
  const table = el('table', { class: 'cells', hidden: true }, [
    el('caption', { text: 'Cells' }),
    el('thead', {}, [el('tr', {}, ['Cell', 'Region', 'State'].map(text => el('th', { scope: 'col', text })))]),
    body,
  ]);
  const note = el('p', { class: 'cells-note', text: 'Asking the router …' });
  place.append(table, note);
  return { table, body, note };
}
