import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initials } from '../public/ui/dom.js';

test('initials: of the first and the last word, whatever stands around them', () => {
  const bare = name => initials(name).replaceAll('\u200c', '');
  assert.equal(bare('Anna Berg'), 'AB');
  assert.equal(bare('Chloé Dubois-Lefebvre'), 'CL');
  assert.equal(bare('greta'), 'GR');
  assert.equal(bare('Lisbon in May (2027)'), 'L2');
  assert.equal(bare('“Ops” – night'), 'ON');
  assert.equal(bare('anna.berg@eu-west'), 'AB');
  assert.equal(bare('李小龙'), '李小');
  assert.equal(bare('🎉 party'), '🎉P');
  for (const nothing of ['', undefined, null, '(…)', '   ']) assert.equal(bare(nothing), '?');
});

test('initials: letters of a cursive script stay apart', () => {
  assert.equal(initials('محمد العربي'), 'م\u200cا');
});
