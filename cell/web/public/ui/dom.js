/** Small ways to make elements. Text only ever enters the page as text. */

const SVG = 'http://www.w3.org/2000/svg';

const ICONS = {
  back: 'M15 5l-7 7 7 7',
  close: 'M6 6l12 12M18 6L6 18',
  info: 'M12 11v6M12 7.5v.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
  logout: 'M9 4H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h3M15 8l4 4-4 4M19 12H9',
  send: 'M4.5 12L20 4.5 15.5 20l-3.5-6.5zM12 13.5L20 4.5',
  down: 'M6 9l6 6 6-6',
  more: 'M5.5 12v.01M12 12v.01M18.5 12v.01',
  edit: 'M4 20l1-4.5L16.5 4l3.5 3.5L8.5 19z',
  trash: 'M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.400L17 7M10.5 11v5M13.5 11v5',
  sending: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4l2.5 2',
  failed: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v5M12 15.900v.1',
  accepted: 'M5 12.5l4.5 4.5L19 7',
  delivered: 'M1.5 12.5L6 17l9.5-10M10.5 15l2 2L22 7',
  read: 'M1.5 12.5L6 17l9.5-10M10.5 15l2 2L22 7',
};

export const $ = id => document.getElementById(id);

/**
 * Makes an element. Properties: class, text, attributes by name, on{Event} handlers, dataset values by data-name.
 * @param {string} tag
 * @param {Record<string, unknown>} [props]
 * @param {(Node|string|null|undefined|false)[]} [children]
 */
export function el(tag, props = {}, children = []) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'class') element.className = value;
    else if (name === 'text') element.textContent = value;
    else if (name.startsWith('on')) element.addEventListener(name.slice(2).toLowerCase(), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', `icon icon-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** A round (person) or squarish (group) picture made of initials; the colour is the id's. */
export function avatar(id, name, { group = false, small = false } = {}) {
  let hash = 2166136261;
  for (const char of id) hash = Math.imul(hash ^ char.codePointAt(0), 16777619);
  hash = (hash ^ (hash >>> 13) ^ (hash >>> 21)) >>> 0;
  const classes = ['avatar', `tone-${hash % 8}`, group && 'is-group', small && 'is-small'].filter(Boolean).join(' ');
  return el('span', { class: classes, 'aria-hidden': 'true', text: initials(name) });
}

export function initials(name) {
  const words = (name ?? '').replace(/@.*/, '').split(/[^\p{L}\p{M}\p{N}\p{Extended_Pictographic}]+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)].map(word => [...word][0]) : [...(words[0] ?? '?')].slice(0, 2);
  // The zero-width non-joiner keeps letters of cursive scripts, such as Arabic, from becoming one word.
  return letters.join('\u200c').toLocaleUpperCase();
}

/** Makes the children of a list those of a keyed sequence, touching only what changed. */
export function reconcile(list, items, { key, create, update }) {
  const known = new Map([...list.children].map(child => [child.dataset.key, child]));
  let at = list.firstElementChild;
  for (const [index, item] of items.entries()) {
    const id = key(item);
    let element = known.get(id);
    if (element) known.delete(id);
    else {
      element = create(item);
      element.dataset.key = id;
    }
    update(element, item, index);
    if (element === at) at = at.nextElementSibling;
    else list.insertBefore(element, at);
  }
  for (const element of known.values()) element.remove();
}

/** Sets text only when it changes, so that nothing is announced twice. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows an error in a form, or hides it with null. */
export function formError(form, message) {
  const element = form.querySelector('.form-error');
  element.textContent = message ?? '';
  element.hidden = !message;
}

export function toast(text) {
  const element = el('p', { class: 'toast', text });
  $('toasts').append(element);
  setTimeout(() => element.remove(), 6_000);
}

/** Arrow keys move between tabs; the chosen one shows its panel. */
export function tabs(tablist, onSelect) {
  const all = [...tablist.querySelectorAll('[role=tab]')];
  const select = (tab, focus) => {
    for (const other of all) {
      const chosen = other === tab;
      other.setAttribute('aria-selected', String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      $(other.getAttribute('aria-controls')).hidden = !chosen;
    }
    if (focus) tab.focus();
    onSelect?.(tab.id);
  };
  for (const tab of all) tab.addEventListener('click', () => select(tab, false));
  tablist.addEventListener('keydown', event => {
    const shown = all.filter(tab => tab.offsetParent !== null);
    const index = shown.indexOf(document.activeElement);
    const next = { ArrowRight: index + 1, ArrowLeft: index - 1 + shown.length, Home: 0, End: shown.length - 1 }[event.key];
    if (index < 0 || next === undefined) return;
    event.preventDefault();
    select(shown[next % shown.length], true);
  });
  return { select: id => select($(id), false) };
}
