import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';
import { titleOf } from '../build/llms.mjs';
import { slug } from '../build/links.mjs';
import { pages, repository, staged, textOf } from '../build/places.mjs';
import { arrange } from '../build/sections.mjs';

const { description, homepage, version } = JSON.parse(textOf('package.json'));
const names = [...pages().values()];
const reference = join(staged, 'api/sidebar.json');

/** The entry points are many, so their pages have a sidebar of their own. */
function sidebar() {
  const groups = arrange(names).map((section) => ({
    text: section.text,
    collapsed: section.text === 'Project',
    items: [
      ...section.pages.map((name) => ({ text: shortTitle(name), link: `/${name.replace(/(^|\/)index$/, '$1')}` })),
      ...(section.text === 'Reference' ? [{ text: 'API', link: '/api/' }] : []),
    ],
  }));
  const api = existsSync(reference) ? JSON.parse(readFileSync(reference, 'utf8')) : [];
  return { '/': groups, '/api/': [{ text: 'API', link: '/api/', items: api }] };
}

/** What comes before a colon; a list of names is too long for a sidebar. */
function shortTitle(name) {
  if (name === 'extending') return 'Extending';
  const title = titleOf(readFileSync(join(staged, `${name}.md`), 'utf8'));
  return title
    .replace(/(?<=\w): .*$/, '')
    .replace(/ from .*$/, '')
    .replace(/, and .*$/, '');
}

export default defineConfig({
  srcDir: 'pages',
  srcExclude: ['public/**'],
  outDir: 'dist',
  cacheDir: 'node_modules/.cache/vitepress',
  base: process.env.SITE_BASE ?? '/',
  lang: 'en',
  title: 'Sluice',
  description,
  cleanUrls: true,
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: `${process.env.SITE_BASE ?? '/'}icon.svg` }]],
  ...(homepage === undefined ? {} : { sitemap: { hostname: homepage } }),
  // These are looked up, and not read one after the other.
  transformPageData: ({ relativePath }) =>
    /^(?:errors|api)\//.test(relativePath) ? { frontmatter: { prev: false, next: false } } : undefined,
  // The index of the search, which loads when it is opened.
  vite: { build: { chunkSizeWarningLimit: 4_000 } },
  markdown: {
    anchor: { slugify: slug },
    toc: { slugify: slug },
    headers: { slugify: slug },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
  },
  themeConfig: {
    logo: '/icon.svg',
    search: { provider: 'local' },
    outline: [2, 3],
    externalLinkIcon: true,
    nav: [
      { text: 'Start', link: names.includes('start') ? '/start' : '/transactions' },
      { text: 'Transactions', link: '/transactions' },
      { text: 'Libraries', link: '/libraries' },
      { text: 'Errors', link: '/errors' },
      { text: 'API', link: '/api/' },
      { text: 'Benchmarks', link: '/benchmarks' },
      { text: version, link: '/changelog' },
    ],
    sidebar: sidebar(),
    ...(repository() === undefined ? {} : { socialLinks: [{ icon: 'github', link: repository() }] }),
    footer: { message: 'MIT licence' },
  },
});
