// Lays out the pages for VitePress.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { drawing, lightForm } from './drawings.mjs';
import { relink } from './links.mjs';
import { pages, repository, staged, textOf } from './places.mjs';

/** Writes a page of the site. One that is as it was is left alone, so that a browser which shows it does not load it again. */
export function write(name, text) {
  const file = join(staged, name);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** @returns the text of each page by its name, with pictures as links to them */
export function writePages() {
  const site = { pages: pages(), repository: repository() };
  const texts = new Map();
  for (const [file, name] of site.pages) {
    write(`${name}.md`, relink(textOf(file), file, { ...site, image: drawing }));
    texts.set(name, relink(textOf(file), file, { ...site, image: (path, label) => `![${label}](${lightForm(path)})` }));
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
