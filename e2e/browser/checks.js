/** Checks that run inside the page; each returns what is wrong. */

/** Controls without a name, fields without a label, pictures without a text, ids that occur twice. */
export function nameless() {
  const shown = element => element.checkVisibility({ visibilityProperty: true });
  const name = element => (element.getAttribute('aria-label') ?? [...(element.labels ?? [])].map(label => label.textContent).join('') ?? '').trim() || element.textContent.trim();
  const problems = [];
  for (const element of document.querySelectorAll('button, input, textarea, select, [role=tab], dialog, nav, aside')) {
    if (shown(element) && !name(element) && !element.getAttribute('aria-labelledby')) problems.push(`no name: ${element.outerHTML.slice(0, 120)}`);
  }
  for (const image of document.querySelectorAll('img:not([alt])')) problems.push(`no alt: ${image.outerHTML}`);
  const ids = [...document.querySelectorAll('[id]')].map(element => element.id);
  for (const id of ids.filter((id, i) => ids.indexOf(id) !== i)) problems.push(`twice: ${id}`);
  if ([...document.querySelectorAll('main')].filter(shown).length !== 1) problems.push('not exactly one main landmark');
  return problems;
}

/** Text whose contrast with what lies behind it is below 4.5 to 1 (WCAG 2.2, 1.4.3). */
export function faint() {
  const channels = color => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 1;
    const context = canvas.getContext('2d');
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].map(value => value / 255);
  };
  const linear = value => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color[3] > 0.99) return color;
    }
    return [1, 1, 1, 1];
  };
  const problems = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const box = element.getBoundingClientRect();
    if (!walker.currentNode.data.trim() || !element.checkVisibility({ visibilityProperty: true }) || box.width < 2 || element.closest('.visually-hidden, :disabled')) continue;
    const [a, b] = [luminance(channels(getComputedStyle(element).color)), luminance(ground(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) problems.push(`${ratio.toFixed(2)}: "${walker.currentNode.data.trim().slice(0, 40)}"`);
  }
  return problems;
}

/** How far the page is wider than its window, in pixels. */
export function overflow() {
  return document.documentElement.scrollWidth - document.documentElement.clientWidth;
}
