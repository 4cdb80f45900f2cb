// Lays out the pages for VitePress.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { drawing } from './drawings.mjs';
import { relink } from './links.mjs';
import { pages, repository, staged, textOf } from './places.mjs';

/** Writes a page of the site. */
export function write(name, text) {
  const file = join(staged, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** @returns the text of each page by its name, as the site has it */
export function writePages() {
  const all = pages();
  const texts = new Map();
  for (const [file, name] of all) {
    const text = relink(textOf(file), file, { pages: all, repository: repository(), image: drawing });
    texts.set(name, text);
    write(`${name}.md`, text);
  }
  return texts;
}

/** The first page is the README, under a heading of its own. */
export function writeHome() {
  const body = textOf('README.md').replace(/^# .*\n/, '');
  const text = relink(body, 'README.md', { pages: pages(), repository: repository(), image: drawing });
  const { description } = JSON.parse(textOf('package.json'));
  const hero = {
    name: 'Sluice',
    text: 'Transactions that follow your code',
    tagline: description,
    actions: [
      { theme: 'brand', text: 'Start', link: pages().has('docs/start.md') ? '/start' : '/transactions' },
      { theme: 'alt', text: 'Libraries', link: '/libraries' },
      { theme: 'alt', text: 'Moving', link: '/moving' },
    ],
  };
  write(
    'index.md',
    `---\n${JSON.stringify({ layout: 'home', title: 'Sluice', titleTemplate: description, hero })}\n---\n${text}`,
  );
}
