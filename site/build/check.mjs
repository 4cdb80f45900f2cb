// Every link of the built site leads to a page or file that is there, and to a place on it that is there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { built } from './places.mjs';

const base = process.env.SITE_BASE ?? '/';
const files = readdirSync(built, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.html'));
if (files.length < 30) throw new Error(`The site has only ${files.length} pages.`);
const texts = new Map(files.map((file) => [file, readFileSync(join(built, file), 'utf8')]));
const ids = new Map(
  [...texts].map(([file, text]) => [file, new Set([...text.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]))]),
);
const dead = [];
let links = 0;
for (const [file, text] of texts) {
  for (const [, href] of text.matchAll(/ (?:href|src)="([^"]*)"/g)) {
    if (/^(?:[a-z]+:|\/\/)/.test(href)) continue;
    links += 1;
    if (!leadsSomewhere(file, href)) dead.push(`${file}: ${href}`);
  }
}
if (links < 1_000) throw new Error(`The site has only ${links} links.`);
if (dead.length > 0) {
  console.error(`Links of the site lead nowhere:\n${[...new Set(dead)].join('\n')}`);
  process.exit(1);
}
console.log(`${links} links of ${files.length} pages lead to what is there.`);

function leadsSomewhere(file, href) {
  const [path, anchor = ''] = href.replaceAll('&amp;', '&').split('#');
  if (path !== '' && path.startsWith('/') && !path.startsWith(base)) return false;
  const place = path.startsWith('/') ? path.slice(base.length) : posix.join(posix.dirname(file), path);
  const page = path === '' ? file : pageAt(decodeURIComponent(place));
  if (page === undefined) return existsSync(join(built, decodeURIComponent(place)));
  return anchor === '' || ids.get(page).has(decodeURIComponent(anchor));
}

function pageAt(place) {
  return [place, `${place}.html`, posix.join(place, 'index.html')].find((each) => texts.has(each));
}
