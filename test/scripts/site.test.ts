// The site takes the pages from the repository: what it makes of their links, and where it puts them.
import { describe, expect, it } from 'vitest';
import { relink, slug } from '../../site/build/links.mjs';
import { arrange } from '../../site/build/sections.mjs';

const pages = new Map([
  ['docs/jobs.md', 'jobs'],
  ['docs/design/index.md', 'design/index'],
  ['docs/guides/cron.md', 'guides/cron'],
]);
const image = (path: string, label: string): string => `<${path}: ${label}>`;

function onSite(text: string, file = 'docs/guides/cron.md', repository?: string): string {
  return relink(text, file, { pages, repository, image });
}

describe('a link of a page', () => {
  it.each([
    ['to a page', '[jobs](../jobs.md)', '[jobs](/jobs)'],
    ['to a place on it', '[`push`](../jobs.md#push-and-wait)', '[`push`](/jobs#push-and-wait)'],
    ['to the index of a folder', '[design](../design/index.md)', '[design](/design/)'],
    ['to the README', '[README](../../README.md#start)', '[README](/#start)'],
    ['on the same page', '[below](#limits)', '[below](#limits)'],
    ['to elsewhere', '[Node](https://nodejs.org/api.md)', '[Node](https://nodejs.org/api.md)'],
    ['in code', '`[a](../jobs.md)`\n```ts\n[b](../jobs.md)\n```', '`[a](../jobs.md)`\n```ts\n[b](../jobs.md)\n```'],
    ['to a picture', '![A job](../design/job.svg)', '<docs/design/job.svg: A job>'],
    ['to a file, without a repository', 'see [the rules](../../test/rules.ts).', 'see the rules.'],
    ['to a test, without a repository', 'It holds ([test](../../test/a.test.ts)).', 'It holds.'],
  ])('%s', (_, text, expected) => {
    expect(onSite(text)).toBe(expected);
  });

  it('to a file, with a repository', () => {
    expect(onSite('([test](../../test/a.test.ts))', 'docs/guides/cron.md', 'https://example.com/sluice')).toBe(
      '([test](https://example.com/sluice/blob/HEAD/test/a.test.ts))',
    );
  });
});

it('headings have the anchors that GitHub gives them', () => {
  expect(slug('One round trip: `batch` and `last`')).toBe('one-round-trip-batch-and-last');
  expect(slug('PostgreSQL: prepared statements')).toBe('postgresql-prepared-statements');
});

describe('the sections', () => {
  it('have each page once, and new ones at the end of their group', () => {
    const names = ['jobs', 'guides/new', 'moving/spring', 'design/0001-frames', 'new', 'start'];
    const found = arrange(names);
    const placed = found.flatMap((section) => section.pages);
    expect(placed).toHaveLength(names.length);
    expect(new Set(placed)).toEqual(new Set(names));
    const of = (text: string): readonly string[] | undefined => found.find((section) => section.text === text)?.pages;
    expect(of('Guides')).toEqual(['guides/new', 'new']);
    expect(of('Moving')).toEqual(['moving/spring']);
    expect(of('Project')).toEqual(['design/0001-frames']);
  });
});
